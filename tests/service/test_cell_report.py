"""What is read of a cell's exception, whatever a job has put in its place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jobs_jupyter.client.http import client
from jobs_jupyter.service import cell_report
from jobs_jupyter.service.masking import NO_MASKS, Masks
from tests.jobs import run


def test_what_the_runner_writes(tmp_path: Path) -> None:
    path = tmp_path / "error.json"
    path.write_text(json.dumps({"type": "KeyError", "message": "x" * 100_000, "line": 3}))
    assert cell_report.read_error(path, NO_MASKS) == {"type": "KeyError", "message": "x" * 2000, "line": 3}
    path.write_text(json.dumps({"type": "KeyError", "message": f"{'x' * 1995}hunter2-hunter2", "line": None}))
    found = cell_report.read_error(path, Masks(["hunter2-hunter2"]))
    assert found == {"type": "KeyError", "message": f"{'x' * 1995}*****"}


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'{"type": "KeyError"}', b"[" * 500_000, b" " * (1 << 20) + b"{}"]
)
def test_what_it_does_not(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "error.json"
    path.write_bytes(content)
    assert cell_report.read_error(path, NO_MASKS) is None


def test_what_is_no_file(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    (tmp_path / "other").write_text('{"type": "a", "message": "b"}')
    link.symlink_to("other")
    for path in (pipe, link, tmp_path, tmp_path / "none"):
        assert cell_report.read_error(path, NO_MASKS) is None


@pytest.mark.parametrize("what", ["mkfifo {}", "mkdir {}", "truncate -s 64G {}"])
def test_the_service_is_not_held_up(service: Path, what: str) -> None:
    status = run(what.format('"$JOBS_JUPYTER_OUTPUT_DIR/error.json"'))
    assert (status.state, status.error) == ("SUCCEEDED", None)
    listed = client.json("GET", f"/v1/jobs/{status.id}/outputs")["outputs"]
    assert [each["name"] for each in listed] == (["error.json"] if "truncate" in what else [])
