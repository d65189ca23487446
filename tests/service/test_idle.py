"""A service that has nothing to do goes away by itself, and comes back when it is needed."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig, JobState


def process_of(home: Path) -> psutil.Process:
    return psutil.Process(json.loads((home / "service.json").read_text())["pid"])


def test_it_stops_once_idle_and_starts_again(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_IDLE_S", "0.3")
    job_id = job.submit(JobConfig(entrypoint="while [ ! -e go ]; do sleep 0.02; done"))
    job.wait(id=job_id, state=JobState.RUNNING)
    process = process_of(service)
    with pytest.raises(psutil.TimeoutExpired):  # a job is active
        process.wait(1.0)
    run = job.status(id=job_id).runs[0]
    (service / f"jobs/{job_id}/runs/{run.name}/work/go").touch()
    process.wait(10)
    assert not (service / "service.json").exists()
    assert not (service / "service.sock").exists()
    assert job.status(id=job_id).state == JobState.SUCCEEDED


def test_an_idle_service_does_not_wake(service: Path) -> None:
    job.wait(id=job.submit(JobConfig(entrypoint="true")))
    process = process_of(service)

    def woken() -> int:
        tasks = Path(f"/proc/{process.pid}/task").glob("*/status")
        lines = [line for task in tasks for line in task.read_text().splitlines()]
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary"))

    psutil.wait_procs([process], timeout=6)  # until this process's connection is given up
    before = woken()
    psutil.wait_procs([process], timeout=3)
    assert woken() - before <= 3
