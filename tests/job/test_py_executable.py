"""`py_executable`: what a job's `python` executes."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.errors import UnsupportedError
from tests.jobs import ended, output, submit

PREFIX = "python -c 'import sys; print(sys.prefix)'"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another interpreter than the one that submits."""
    venv.create(tmp_path / "it's other", symlinks=True)
    return tmp_path / "it's other" / "bin" / "python"


def test_a_path(service: Path, other: Path) -> None:
    assert output(PREFIX, py_executable=f'"{other}"') == f"{other.parent.parent}\n"
    # of a name that is not `python`, too
    elsewhere = other.with_name("py-of-mine")
    elsewhere.symlink_to(other)
    assert output(PREFIX, py_executable=f'"{elsewhere}"') == f"{other.parent.parent}\n"


def test_arguments(service: Path) -> None:
    shown = "import sys; print(sys.flags.dev_mode, sys.flags.optimize, sys.prefix, sys.argv)"
    assert (
        output(f'python -c "{shown}" "a b"', py_executable="python -X dev -O")
        == f"True 1 {sys.prefix} ['-c', 'a b']\n"
    )
    assert output(f'python3 -c "{shown}"', py_executable="python3 -O").startswith("False 1")


def test_any_command_that_takes_a_script(service: Path, tmp_path: Path) -> None:
    (tmp_path / "wrapped").write_text(f'#!/bin/sh\necho "wrapped $1"\nshift\nexec {sys.executable} "$@"\n')
    (tmp_path / "wrapped").chmod(0o755)
    assert output("python -c 'print(1)'", py_executable=f"{tmp_path}/wrapped one") == "wrapped one\n1\n"
    found_on_path = output(
        "python -c 'print(2)'", py_executable="wrapped two", env_vars={"PATH": f"{tmp_path}:/bin:/usr/bin"}
    )
    assert found_on_path == "wrapped two\n2\n"


def test_what_is_not_there_is_refused_by_name(service: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no program")
    for wrong, why in (
        ("/nowhere/python -s", "there is no program '/nowhere/python'"),
        (str(tmp_path / "data"), "can't be executed"),
        ("no-such-python", "there is no program 'no-such-python'"),
        ("venv/bin/python", "no absolute path"),
    ):
        with pytest.raises(UnsupportedError, match=f"py_executable=.*{why}"):
            submit("true", py_executable=wrong)
    with pytest.raises(ValidationError, match=r"(?s)py_executable.*no closing quotation"):
        JobConfig(entrypoint="true", py_executable="python 'x")
    assert list(job.list()) == []


def test_a_retry_after_it_has_gone_says_so(service: Path, other: Path, tmp_path: Path) -> None:
    go = tmp_path / "go"
    job_id = submit(
        f'while [ ! -e {go} ]; do sleep 0.05; done; rm -r "{other.parent.parent}"; exit 1',
        py_executable=f'"{other}"',
        max_retries=1,
    )
    go.touch()
    status = ended(job_id)
    assert [run.state for run in status.runs] == ["FAILED", "FAILED"]
    assert (status.reason or "").startswith("could not start: py_executable=")
