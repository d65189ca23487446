"""`job.terminate`."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from jobs_jupyter import job
from tests.jobs import ended, eventually, run, running, submit


def test_it_returns_at_once_and_the_job_ends(service: Path) -> None:
    loop = "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    job_id = running(submit(loop, max_retries=5))
    eventually(lambda: job.get_logs(id=job_id))
    assert job.terminate(id=job_id) == job_id
    assert job.terminate(id=job_id) == job_id
    status = ended(job_id)
    assert (status.state, status.reason) == ("TERMINATED", "stopped")
    [only] = status.runs
    assert (only.state, only.reason) == ("FAILED", "stopped")
    # a shell may also say that its `sleep` was ended
    assert job.get_logs(id=job_id).replace("Terminated\n", "") == "ready\nasked\n"


def test_a_terminal_job_stays_as_it_is(service: Path) -> None:
    for command in ("true", "false"):
        status = run(command)
        assert job.terminate(id=status.id) == status.id
        assert job.status(id=status.id) == status


def test_the_whole_tree_goes_even_what_ignores_it(service: Path, tmp_path: Path) -> None:
    job_id = running(
        submit(
            "trap '' TERM; sleep 611 & setsid sleep 612 & (setsid sh -c 'sleep 613; sleep 614' &) ;"
            f"touch {tmp_path}/ready; wait; sleep 615"
        )
    )
    eventually((tmp_path / "ready").exists)
    # sh, 611, 612, the inner sh, 613: a program that is just being started is not seen for a moment
    eventually(lambda: len(belonging(job_id)) >= 5)
    began = time.monotonic()
    job.terminate(id=job_id)
    assert time.monotonic() - began < 1
    job.wait(id=job_id, state="TERMINATED", timeout_s=10)
    assert not belonging(job_id)
    assert time.monotonic() - began < 5


def belonging(job_id: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if belongs(process, job_id)]


def belongs(process: psutil.Process, job_id: str) -> bool:
    try:
        return process.environ().get("JOBS_JUPYTER_JOB_ID") == job_id
    except psutil.Error:
        return False


def test_a_job_that_waits_for_its_next_run(service: Path) -> None:
    job_id = submit("exit 1", max_retries=9)
    eventually(lambda: [each for each in job.status(id=job_id).runs if each.state == "FAILED"])
    job.terminate(id=job_id)
    status = ended(job_id)
    assert status.state == "TERMINATED"
    count = len(status.runs)
    time.sleep(1.2)  # nothing may come of the retry that was due
    assert len(job.status(id=job_id).runs) == count


def test_right_after_the_submit(service: Path) -> None:
    submitted = [submit("sleep 600") for _ in range(3)]
    for job_id in submitted:
        job.terminate(id=job_id)
    assert [ended(job_id).state for job_id in submitted] == ["TERMINATED"] * 3
