"""`timeout_s`: per run, and enforced by nobody's leave."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from tests.jobs import eventually, run, running, submit


def test_each_run_has_its_own_time(service: Path) -> None:
    status = run("echo $JOBS_JUPYTER_RUN_ATTEMPT; sleep 600", timeout_s=1, max_retries=1)
    assert (status.state, status.reason) == ("FAILED", "timed out after 1 s")
    assert [each.reason for each in status.runs] == ["timed out after 1 s"] * 2
    for each in status.runs:
        assert each.started_at
        assert each.ended_at
        assert 0.9 <= (each.ended_at - each.started_at).total_seconds() < 3
        assert job.get_logs(id=status.id, run=each.name) == f"{each.attempt}\n"


def test_time_enough_changes_nothing(service: Path) -> None:
    status = run("true", timeout_s=60)
    assert (status.state, status.reason) == ("SUCCEEDED", None)


def test_it_holds_while_the_service_is_down(service: Path) -> None:
    job_id = running(submit("echo $$; exec sleep 600", timeout_s=1))
    pid = int(eventually(lambda: job.get_logs(id=job_id)))
    assert client_service.stop()
    eventually(lambda: not psutil.pid_exists(pid))
    assert client_service.locate() is None
    time.sleep(0.5)  # the next service is to say when it ended, not when it looked
    status = job.status(id=job_id)
    job.wait(id=job_id, state="FAILED", timeout_s=10)
    status = job.status(id=job_id)
    assert status.reason == "timed out after 1 s"
    [only] = status.runs
    assert only.ended_at
    assert only.started_at
    assert (only.ended_at - only.started_at).total_seconds() < 1.5
