"""`job.wait`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.job.models import JobState
from jobs_jupyter.models.errors import JobNotFoundError, JobStateError
from tests.jobs import WITHIN_S, ended, eventually, run, running, submit


def test_arguments_are_checked_before_the_look_up(home: Path) -> None:
    for wrong in ("1", None, True, [1]):
        with pytest.raises(TypeError, match="timeout_s"):
            job.wait(name="x", timeout_s=wrong)  # type: ignore[arg-type]
    for number in (0, -1, 0.0, float("nan")):
        with pytest.raises(ValueError, match="timeout_s"):
            job.wait(name="x", timeout_s=number)
    for state in ("DONE", "", None, 3):
        with pytest.raises(ValueError, match="SUCCEEDED"):
            job.wait(name="x", state=state)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="follow"):
        job.wait(name="x", follow="yes")  # type: ignore[arg-type]
    assert not home.exists()


def test_it_returns_none_when_the_state_is_reached(service: Path) -> None:
    job_id = submit("true")
    for state in ("SUCCEEDED", "succeeded", JobState.SUCCEEDED, "running", JobState.RUNNING):
        assert job.wait(id=job_id, state=state, timeout_s=WITHIN_S) is None  # type: ignore[func-returns-value]
    failed = run("exit 3")
    job.wait(id=failed.id, state="Failed", timeout_s=1)
    with pytest.raises(JobNotFoundError):
        job.wait(id="prodjob_none", timeout_s=1)


def test_a_longer_time_than_a_timer_can_hold(service: Path) -> None:
    for timeout_s in (3_000_000, 1e12, 1e300):
        job_id = submit("true")
        job.wait(id=job_id, timeout_s=timeout_s, follow=True)


def test_running_counts_however_short_it_was(service: Path) -> None:
    job_id = submit("true")
    job.wait(id=job_id, timeout_s=WITHIN_S)
    job.wait(id=job_id, state="RUNNING", timeout_s=1)
    failed = run("false")
    job.wait(id=failed.id, state="RUNNING", timeout_s=1)


def test_a_state_that_was_over_before_the_call_does_not_count(service: Path) -> None:
    done = run("true")
    with pytest.raises(JobStateError, match="SUCCEEDED, not STARTING"):
        job.wait(id=done.id, state="STARTING", timeout_s=5)


def test_another_end_is_an_error_with_code_and_last_lines(service: Path) -> None:
    failed = run("seq 100; exit 3", name="counts")
    with pytest.raises(JobStateError) as raised:
        job.wait(id=failed.id, timeout_s=5)
    text = str(raised.value)
    assert "'counts'" in text
    assert "FAILED" in text
    assert "exit code 3" in text
    assert text.endswith("\n".join(str(number) for number in range(81, 101)) + "\n")
    assert "\n80\n" not in text
    with pytest.raises(JobStateError, match="is FAILED, not TERMINATED"):
        job.wait(id=failed.id, state="TERMINATED", timeout_s=5)

    stopped = running(submit("sleep 600"))
    job.terminate(id=stopped)
    with pytest.raises(JobStateError, match="TERMINATED"):
        job.wait(id=stopped, timeout_s=WITHIN_S)
    assert issubclass(JobStateError, RuntimeError)


def test_time_is_up_at_the_time_and_the_job_goes_on(service: Path) -> None:
    job_id = running(submit("sleep 600", name="long"))
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"'long'.*RUNNING after 0\.3 s"):
        job.wait(id=job_id, timeout_s=0.3)
    assert 0.3 <= time.monotonic() - began < 2
    with pytest.raises(TimeoutError):
        job.wait(id=job_id, timeout_s=0.3, follow=True)
    assert time.monotonic() - began < 4
    assert job.status(id=job_id).state == "RUNNING"


def test_the_end_is_pushed(service: Path) -> None:
    late = []
    for _ in range(3):
        job_id = submit("sleep 0.3")
        job.wait(id=job_id, timeout_s=WITHIN_S)
        now = datetime.now(UTC)
        at = job.status(id=job_id).ended_at
        assert at
        late.append((now - at).total_seconds())
    assert min(late) < 0.1, late  # the best of three: the machine may be busy with other tests


def test_a_newer_namesake_does_not_take_over(service: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    submit(f"until [ -e {gate} ]; do sleep 0.05; done; exit 5", name="same")
    with waiting("name='same', follow=True") as waiter:
        assert waiter.stdout
        assert waiter.stdout.readline().startswith("[jobrun_")
        run("true", name="same")
        gate.touch()
        assert "exit code 5" in waiter.communicate(timeout=WITHIN_S)[1]


def test_a_job_that_is_deleted_meanwhile(service: Path) -> None:
    job_id = submit("exit 1", max_retries=1)
    waiter = Waiter(id=job_id, state="SUCCEEDED")
    job.terminate(id=job_id)
    ended(job_id)
    job.delete(id=job_id)
    assert isinstance(waiter.error(), JobStateError | JobNotFoundError)


def test_the_service_may_go_away_and_come_back(service: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = submit(f"echo before; until [ -e {gate} ]; do sleep 0.05; done; echo after")
    quiet = Waiter(id=job_id)
    with waiting(f"id='{job_id}', follow=True") as following:
        assert following.stdout
        following.stdout.readline()
        assert following.stdout.readline() == "before\n"
        assert client_service.stop()
        gate.touch()
        assert following.communicate(timeout=WITHIN_S)[0] == "after\n"
    assert following.returncode == 0
    assert quiet.error() is None


@pytest.mark.parametrize("follow", [False, True])
def test_ctrl_c_stops_the_waiting_only(follow: bool, service: Path) -> None:
    job_id = running(submit("echo hello; sleep 600"))
    with waiting(f"id='{job_id}', follow={follow}") as waiter:
        assert waiter.stdout
        if follow:
            waiter.stdout.readline()
        else:
            eventually(lambda: waits_on_a_socket(waiter.pid))
        waiter.send_signal(signal.SIGINT)
        assert waiter.communicate(timeout=WITHIN_S)[1].rstrip().endswith("KeyboardInterrupt")
    assert job.status(id=job_id).state == "RUNNING"


def test_follow_prints_every_line_of_every_run(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = submit(
        "for i in 1 2 3; do echo $JOBS_JUPYTER_RUN_ATTEMPT-$i; sleep 0.05; done; printf '%s' größe;"
        "test $JOBS_JUPYTER_RUN_ATTEMPT = 2",
        max_retries=1,
    )
    job.wait(id=job_id, follow=True, timeout_s=WITHIN_S)
    first, second = job.status(id=job_id).runs
    assert capsys.readouterr().out == (
        f"[{first.name}] run 1 of 2\n1-1\n1-2\n1-3\ngröße\n[{second.name}] run 2 of 2\n2-1\n2-2\n2-3\ngröße\n"
    )


def test_follow_prints_lines_while_the_job_runs(service: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = submit(f"echo first; until [ -e {gate} ]; do sleep 0.05; done; echo last")
    with waiting(f"id='{job_id}', follow=True") as waiter:
        assert waiter.stdout
        assert waiter.stdout.readline().startswith("[jobrun_")
        assert waiter.stdout.readline() == "first\n"
        gate.touch()
        assert waiter.stdout.readline() == "last\n"
    assert waiter.returncode == 0


def test_follow_returns_when_running_is_reached(service: Path) -> None:
    job_id = submit("sleep 600")
    job.wait(id=job_id, state="RUNNING", follow=True, timeout_s=WITHIN_S)
    assert job.status(id=job_id).state == "RUNNING"


def test_follow_of_a_job_that_fails(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job_id = submit("echo reason; exit 2")
    with pytest.raises(JobStateError, match="exit code 2"):
        job.wait(id=job_id, follow=True, timeout_s=WITHIN_S)
    assert capsys.readouterr().out.endswith("reason\n")


def waiting(arguments: str) -> subprocess.Popen[str]:
    """Start a process that calls `job.wait` with these arguments."""
    code = f"from jobs_jupyter import job\njob.wait({arguments})"
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def waits_on_a_socket(pid: int) -> bool:
    """Whether the process sleeps with a connection open: it has asked, and waits for the answer."""
    process = psutil.Process(pid)
    return process.status() == psutil.STATUS_SLEEPING and bool(process.net_connections("unix"))


class Waiter:
    """A thread that waits for a job."""

    def __init__(self, **arguments: Any) -> None:
        self._raised: BaseException | None = None
        self._arguments = arguments
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            job.wait(timeout_s=WITHIN_S, **self._arguments)
        except Exception as error:  # noqa: BLE001 - for the test to look at
            self._raised = error

    def error(self) -> BaseException | None:
        """Return what the waiting ended with, None where the state was reached."""
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        return self._raised


@pytest.fixture
def hanging(service: Path) -> Iterator[Path]:
    """A service that is stopped by SIGSTOP, with a job that runs."""
    running(submit("sleep 600", name="hangs"))
    pid = int(json.loads((service / "service.json").read_text())["pid"])
    os.kill(pid, signal.SIGSTOP)
    yield service
    os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("follow", [False, True])
def test_the_deadline_holds_for_a_service_that_does_not_answer(hanging: Path, follow: bool) -> None:
    client.reconnect()
    before = time.monotonic()
    with pytest.raises(TimeoutError, match="has not answered for 2 s"):
        job.wait(name="hangs", timeout_s=2, follow=follow)
    assert time.monotonic() - before < 12, "not the minute that a request may take"


@pytest.mark.parametrize("follow", [False, True])
def test_the_deadline_holds_where_it_stops_answering_in_between(service: Path, follow: bool) -> None:
    """Following reads two streams, one after the other: neither may take the whole time again."""
    job_id = running(submit("echo begun; sleep 600"))
    pid = int(json.loads((service / "service.json").read_text())["pid"])
    with ThreadPoolExecutor(1) as threads:
        before = time.monotonic()
        waiting = threads.submit(job.wait, id=job_id, timeout_s=8, follow=follow)
        time.sleep(1)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError, match=r"(after|for) 8 s"):
                waiting.result(60)
            assert time.monotonic() - before < 13
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_service_that_answers_again_in_time_is_waited_for(hanging: Path) -> None:
    client.reconnect()
    pid = int(json.loads((hanging / "service.json").read_text())["pid"])
    again = threading.Timer(7, os.kill, (pid, signal.SIGCONT))
    again.start()
    job.wait(name="hangs", state="RUNNING", timeout_s=WITHIN_S)
    again.join()


def test_a_state_that_is_there_needs_no_time(service: Path) -> None:
    job_id = submit("true")
    job.wait(id=job_id, timeout_s=WITHIN_S)
    for state in ("SUCCEEDED", "RUNNING"):
        for follow in (False, True):
            job.wait(id=job_id, state=state, timeout_s=0.001, follow=follow)
    with pytest.raises(JobStateError, match="is SUCCEEDED, not FAILED"):
        job.wait(id=job_id, state="FAILED", timeout_s=0.001)


def test_there_may_be_no_timeout(service: Path) -> None:
    job.wait(id=submit("sleep 0.3"), timeout_s=float("inf"))
