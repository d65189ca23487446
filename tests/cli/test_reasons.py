"""What lists and tables say of a job that a cell's exception ended."""

from __future__ import annotations

from pathlib import Path

from jobs_jupyter import job
from jobs_jupyter.packaging.cell import CELL_ENTRYPOINT, build_cell
from tests.cli.conftest import Call
from tests.jobs import ended, running, submit


def test_the_exception_and_its_line_are_said_everywhere(service: Path, tmp_path: Path, call: Call) -> None:
    for name, content in build_cell("row = {}\nrow['user_id']", lines_above=1).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    failed = submit(CELL_ENTRYPOINT, name="broken", working_dir=str(tmp_path))
    assert ended(failed).state == "FAILED"
    job.terminate(id=running(submit("sleep 600", name="halted")))
    assert ended(job.status(name="halted").id).state == "TERMINATED"
    said = "KeyError: 'user_id' (cell line 3)"
    listed = call("list").out
    assert said in listed
    assert "stopped" not in listed
    status = call("status", "broken").out
    assert status.count(said) == 2, "of the job, and of its run"
    assert "reason" not in call("status", "halted").out
    assert f"broken FAILED: {said}" in call("wait", "broken").err
    assert said in repr(job.list())
    assert "stopped" not in repr(job.list())
