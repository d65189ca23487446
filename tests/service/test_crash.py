"""The service may die at any moment: nothing is lost, nothing runs twice.

Between two durable steps it is stopped by doing the first ones without a service and then
starting one, which finds just what a killed service would have left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from jobs_jupyter import job, job_queue
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.packages import upload
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec, JobRunState, JobState
from jobs_jupyter.models.errors import JobStateError
from jobs_jupyter.models.names import new_job_id
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.packaging.directory import snapshot
from jobs_jupyter.service import environment, machine
from jobs_jupyter.service.clock import Clock
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.runners.local import LocalRunner
from jobs_jupyter.service.store import changes, runs
from jobs_jupyter.service.store.database import EXIT_WITHOUT_WRITER, NO_CAPACITY, Database
from jobs_jupyter.service.store.leases import Leases
from jobs_jupyter.service.vault import Vault
from tests.jobs import python

DEADLINE_S = 30
NONE_LEASED = Leases(NO_CAPACITY, ())


def service_pid(home: Path) -> int:
    return int(json.loads((home / "service.json").read_text())["pid"])


def kill_service(home: Path) -> None:
    """SIGKILL, and wait until the process is gone."""
    process = psutil.Process(service_pid(home))
    process.kill()
    process.wait(10)


def until(condition: Callable[[], Any]) -> Any:
    """Poll what no event tells: a file that another process writes, a process that goes."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "this did not come about"
        time.sleep(0.01)
    return found


def run_paths(home: Path, job_id: str, index: int = -1) -> RunPaths:
    status = job.status(id=job_id)
    return StatePaths(home).job(job_id).run(status.runs[index].name)


def test_a_run_outlives_the_service_and_is_found_again(service: Path) -> None:
    job_id = job.submit(
        JobConfig(
            entrypoint="echo one; while [ ! -e go ]; do sleep 0.02; done; echo two; exit 7", max_retries=0
        )
    )
    job.wait(id=job_id, state=JobState.RUNNING)
    paths = run_paths(service, job_id)
    until(lambda: paths.log.exists() and paths.log.read_text() == "one\n")
    kill_service(service)
    (paths.work / "go").touch()
    until(paths.exit.exists)
    with pytest.raises(JobStateError, match="exit code 7"):
        job.wait(id=job_id)
    assert job.get_logs(id=job_id) == "one\ntwo\n"
    assert [run.exit_code for run in job.status(id=job_id).runs] == [7]


def test_a_run_that_ends_after_the_restart_is_watched(service: Path) -> None:
    job_id = job.submit(JobConfig(entrypoint="while [ ! -e go ]; do sleep 0.02; done"))
    job.wait(id=job_id, state=JobState.RUNNING)
    kill_service(service)
    assert job.status(id=job_id).state == JobState.RUNNING
    (run_paths(service, job_id).work / "go").touch()
    job.wait(id=job_id, timeout_s=DEADLINE_S)


def test_a_timeout_is_kept_while_the_service_is_down(service: Path) -> None:
    job_id = job.submit(JobConfig(entrypoint="sleep 600", timeout_s=1, max_retries=0))
    job.wait(id=job_id, state=JobState.RUNNING)
    paths = run_paths(service, job_id)
    kill_service(service)
    until(paths.exit.exists)
    status = job.status(id=job_id)
    assert (status.state, status.reason) == (JobState.FAILED, "timed out after 1 s")


def test_a_stop_that_the_service_did_not_carry_out_is_repeated(service: Path) -> None:
    job_id = job.submit(JobConfig(entrypoint="sleep 600"))
    job.wait(id=job_id, state=JobState.RUNNING)
    kill_service(service)
    in_database(service, changes.request_stop, job_id)
    job.wait(id=job_id, state=JobState.TERMINATED, timeout_s=DEADLINE_S)


def test_a_queue_that_is_terminated_loses_its_cluster(service: Path) -> None:
    spec = JobQueueSpec(name="line", idle_timeout_s=600)
    entrypoint = "trap '' TERM; while [ ! -e go ]; do sleep 0.02; done"
    wanted = JobQueueConfig(job_queue_spec=spec)
    job_id = job.submit(JobConfig(entrypoint=entrypoint, job_queue_config=wanted))
    job.wait(id=job_id, state=JobState.RUNNING)
    paths = run_paths(service, job_id)
    until(paths.log.exists)
    job_queue.terminate(name="line")
    kill_service(service)
    (paths.work / "go").touch()
    with contextlib.suppress(JobStateError):  # its own end may come first
        job.wait(id=job_id, state=JobState.TERMINATED, timeout_s=DEADLINE_S)
    until(lambda: not job_queue.status(name="line").cluster_is_up)


def test_waiting_survives_the_service(service: Path) -> None:
    job_id = job.submit(JobConfig(entrypoint="while [ ! -e go ]; do sleep 0.02; done"))
    job.wait(id=job_id, state=JobState.RUNNING)
    work = run_paths(service, job_id).work
    waited = threading.Thread(target=job.wait, kwargs={"id": job_id, "timeout_s": DEADLINE_S})
    waited.start()
    kill_service(service)
    (work / "go").touch()
    waited.join(DEADLINE_S)
    assert not waited.is_alive()
    assert job.status(id=job_id).state == JobState.SUCCEEDED


def test_a_killed_shim_loses_the_run_and_leaves_no_process(service: Path) -> None:
    job_id = job.submit(JobConfig(entrypoint="setsid sleep 600 & sleep 600", max_retries=0))
    job.wait(id=job_id, state=JobState.RUNNING)
    claim = json.loads(run_paths(service, job_id).claim(1).read_text())
    tree = until(
        lambda: [p for p in psutil.Process(claim["pid"]).children(recursive=True) if p.name() == "sleep"][1:]
    )
    os.kill(claim["pid"], signal.SIGKILL)
    with pytest.raises(JobStateError, match="lost: the process that watched over it was killed"):
        job.wait(id=job_id, timeout_s=DEADLINE_S)
    _, alive = psutil.wait_procs(tree, timeout=5)
    assert alive == []


def test_a_killed_warm_process_is_replaced(service: Path) -> None:
    job.wait(id=job.submit(JobConfig(entrypoint="true")))
    (warm,) = [
        p for p in psutil.Process(service_pid(service)).children() if "shim.py" in " ".join(p.cmdline())
    ]
    warm.kill()
    until(lambda: not warm.is_running() or warm.status() == psutil.STATUS_ZOMBIE)
    job.wait(id=job.submit(JobConfig(entrypoint="true")), timeout_s=DEADLINE_S)


# --- between two durable steps ------------------------------------------------------------------


def in_database(home: Path, change: Callable[..., Any], *arguments: Any) -> Any:
    """Commit one change as the service would, without a service."""
    database = Database(StatePaths(home).database)
    try:
        return asyncio.run(database.write(change, *arguments, Clock().now()))
    finally:
        database.close()


def accepted(home: Path, entrypoint: str, max_retries: int = 0) -> str:
    """Bring a job as far as a submit that was answered, by a service that then died."""
    home.mkdir(mode=0o700, exist_ok=True)
    job_id = new_job_id()
    environment.make_durable(environment.Kept().save(StatePaths(home).job(job_id), dict(os.environ)))
    config = JobConfig(entrypoint=entrypoint, max_retries=max_retries)
    new = changes.NewJob(job_id, "accepted", "default", "local", "somebody", config, None, None)
    in_database(home, changes.add_job, new)
    return job_id


def run_count(marks: Path) -> int:
    return len(marks.read_text().splitlines()) if marks.exists() else 0


def test_killed_after_accepting(service: Path, tmp_path: Path) -> None:
    job_id = accepted(service, f"echo ran >> {tmp_path}/marks")
    job.wait(id=job_id, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 1


def test_killed_after_writing_down_the_intent(service: Path, tmp_path: Path) -> None:
    job_id = accepted(service, f"echo ran >> {tmp_path}/marks")
    launch = in_database(service, runs.begin_run, job_id, machine.boot_id(), NONE_LEASED)
    job.wait(id=job_id, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 1
    assert [run.name for run in job.status(id=job_id).runs] == [launch.run]


async def unsaid(*_: str) -> None:
    """Nobody waits for what is said of a run that is prepared."""


def test_killed_after_the_start_before_it_was_written_down(service: Path, tmp_path: Path) -> None:
    job_id = accepted(service, f"echo ran >> {tmp_path}/marks; sleep 0.5; exit 3")
    launch = in_database(service, runs.begin_run, job_id, machine.boot_id(), NONE_LEASED)

    async def start_and_die() -> None:
        paths = StatePaths(service)
        runner = LocalRunner(paths, PackageFiles(paths), Vault(paths), lambda *_: None, unsaid)
        await runner.start(launch, await runner.prepare(launch))
        runner.shims.close()

    asyncio.run(start_and_die())
    until(StatePaths(service).job(job_id).run(launch.run).exit.exists)
    with pytest.raises(JobStateError, match="exit code 3"):
        job.wait(id=job_id, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 1
    (run,) = job.status(id=job_id).runs  # as it was, not as it was found
    assert run.started_at is not None
    assert run.ended_at is not None
    assert 0.4 < (run.ended_at - run.started_at).total_seconds() < 5


def test_killed_after_revoking_a_claim(service: Path, tmp_path: Path) -> None:
    job_id = accepted(service, f"echo ran >> {tmp_path}/marks")
    launch = in_database(service, runs.begin_run, job_id, machine.boot_id(), NONE_LEASED)
    claim = StatePaths(service).job(job_id).run(launch.run).claim(1)
    claim.parent.mkdir(parents=True)
    claim.touch()
    job.wait(id=job_id, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 1


def test_a_restarted_machine_loses_the_run(service: Path, tmp_path: Path) -> None:
    job_id = accepted(service, f"echo ran >> {tmp_path}/marks")
    in_database(service, runs.begin_run, job_id, "another-boot", NONE_LEASED)
    with pytest.raises(JobStateError, match="lost: the machine restarted"):
        job.wait(id=job_id, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 0


def running(
    home: Path, boot_id: str, entrypoint: str = "false", max_retries: int = 0
) -> tuple[str, RunPaths]:
    """Bring a job as far as a run that is written down as running; the files of its shim are the caller's."""
    job_id = accepted(home, entrypoint, max_retries)
    run = in_database(home, runs.begin_run, job_id, boot_id, NONE_LEASED).run
    in_database(home, runs.run_started, run)
    paths = StatePaths(home).job(job_id).run(run)
    paths.root.mkdir(parents=True)
    return job_id, paths


def test_a_machine_that_restarted_while_jobs_ran(service: Path) -> None:
    lost, _ = running(service, "another-boot")
    ended, paths = running(service, "another-boot")
    at = time.time()
    known = {"cause": "exit", "exit_code": 5, "signal": None, "started_at": at, "ended_at": at + 1}
    paths.exit.write_text(json.dumps(known))
    with pytest.raises(JobStateError, match="lost: the machine restarted"):
        job.wait(id=lost, timeout_s=DEADLINE_S)
    with pytest.raises(JobStateError, match="exit code 5"):
        job.wait(id=ended, timeout_s=DEADLINE_S)


def test_a_restart_of_the_machine_counts_as_a_failed_run(service: Path, tmp_path: Path) -> None:
    retried, _ = running(service, "another-boot", f"echo ran >> {tmp_path}/marks", max_retries=1)
    job.wait(id=retried, timeout_s=DEADLINE_S)
    lost, second = job.status(id=retried).runs
    assert (lost.state, lost.reason) == (JobRunState.FAILED, "lost: the machine restarted")
    assert (second.state, second.attempt) == (JobRunState.SUCCEEDED, 2)
    assert run_count(tmp_path / "marks") == 1


def test_those_in_a_queue_go_on_with_whoever_uses_the_sdk_next(service: Path, tmp_path: Path) -> None:
    wanted = JobQueueConfig(job_queue_spec=JobQueueSpec(name="line", idle_timeout_s=600))
    wait_for_go = f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"
    first, second = (
        job.submit(JobConfig(entrypoint=entrypoint, job_queue_config=wanted))
        for entrypoint in (wait_for_go, f"echo ran >> {tmp_path}/marks")
    )
    job.wait(id=first, state=JobState.RUNNING)
    exited = run_paths(service, first).exit
    kill_service(service)
    (tmp_path / "go").touch()
    until(exited.exists)
    assert run_count(tmp_path / "marks") == 0  # nobody is there to start it
    assert next(iter(job_queue.list())).total_jobs == 2
    job.wait(id=second, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 1
    assert job.status(id=first).state == JobState.SUCCEEDED


def test_a_retry_that_was_due_while_no_service_lived(service: Path) -> None:
    entrypoint = "echo $JOBS_JUPYTER_RUN_ATTEMPT; [ $JOBS_JUPYTER_RUN_ATTEMPT = 2 ]"
    retried = job.submit(JobConfig(entrypoint=entrypoint, max_retries=1))
    until(lambda: "follows after 1 s" in (job.status(id=retried).reason or ""))
    kill_service(service)
    job.wait(id=retried, timeout_s=DEADLINE_S)
    first, second = job.status(id=retried).runs
    assert first.ended_at is not None
    assert second.started_at is not None
    assert (second.started_at - first.ended_at).total_seconds() >= 1
    assert job.get_logs(id=retried) == "2\n"


def test_a_process_that_got_a_dead_shims_pid_is_left_alone(service: Path) -> None:
    other = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        lost, paths = running(service, machine.boot_id())
        stopped, its_paths = running(service, machine.boot_id())
        claim = {"pid": other.pid, "start": f"not {machine.start_time(other.pid)}", "at": time.time()}
        for each in (paths, its_paths):
            each.claim(1).write_text(json.dumps(claim))
        in_database(service, changes.request_stop, stopped)
        with pytest.raises(JobStateError, match="lost: the process that watched over it was killed"):
            job.wait(id=lost, timeout_s=DEADLINE_S)
        job.wait(id=stopped, state=JobState.TERMINATED, timeout_s=DEADLINE_S)
        client_service.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_killed_again_and_again_while_a_claim_is_revoked(service: Path, tmp_path: Path) -> None:
    job_id = accepted(service, f"echo ran >> {tmp_path}/marks")
    launch = in_database(service, runs.begin_run, job_id, machine.boot_id(), NONE_LEASED)
    paths = StatePaths(service).job(job_id).run(launch.run)
    paths.root.mkdir(parents=True)
    paths.claim(1).touch()
    in_database(service, runs.launch_again, launch.run, machine.boot_id())
    paths.claim(2).touch()
    job.wait(id=job_id, timeout_s=DEADLINE_S)
    assert run_count(tmp_path / "marks") == 1
    assert [paths.claim(number).stat().st_size > 0 for number in (1, 2, 3)] == [False, False, True]
    assert [run.attempt for run in job.status(id=job_id).runs] == [1]


def test_files_of_what_is_no_more_are_swept(service: Path) -> None:
    paths = StatePaths(service)
    stray = paths.queue("jobqueue_nobody") / "1"
    stray.mkdir(parents=True)
    environment.make_durable(environment.Kept().save(paths.job("prodjob_nobody"), {"SECRET": "x"}))
    assert list(job.list()) == []
    until(lambda: not paths.job("prodjob_nobody").root.exists())
    until(lambda: not paths.queue("jobqueue_nobody").exists())


def test_uploads_that_came_to_nothing_are_swept(service: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    kept = job.submit(JobConfig(entrypoint="true", working_dir=str(tmp_path)))
    (tmp_path / "stray").write_text("stray")
    taken = snapshot(tmp_path)
    upload(taken)
    job.wait(id=kept)
    client_service.stop()
    blobs = service / "packages/blobs"
    (next(blobs.glob("*")) / ".new-half").touch()
    assert len(list(blobs.glob("*/*"))) == 3
    for path in blobs.glob("*/*"):
        os.utime(path, (0, 0))
    with closing(sqlite3.connect(service / "jobs.db")) as database:
        database.execute("UPDATE packages SET created_at = 0")
        database.commit()
    client_service.ensure()
    until(lambda: sum(len(files) for _, _, files in os.walk(blobs)) == 1)
    assert [path.read_text() for path in blobs.glob("*/*")] == ["kept"]
    until(lambda: len(list((service / "packages/manifests").glob("*"))) == 1)


def test_a_disk_that_fills_up_while_a_job_runs(home: Path) -> None:
    """What has happened is written down once there is room again; in a mount namespace of its own."""
    home.mkdir(mode=0o700)
    mark = f"/tmp/{home.parent.name}-go"
    code = """
import os, pathlib, sys, time
from jobs_jupyter import job, job_queue
from jobs_jupyter.client import service
from jobs_jupyter.job.models import JobConfig
home = pathlib.Path(os.environ["JOBS_JUPYTER_HOME"])
job_id = job.submit(JobConfig(entrypoint="while [ ! -e MARK ]; do sleep 0.02; done", max_retries=0))
job.wait(id=job_id, state="RUNNING")
with open(home / "filler", "wb", buffering=0) as file:
    try:
        while True: file.write(b"x" * 4096)
    except OSError: pass
try: job.submit(JobConfig(entrypoint="true"))
except Exception as error: print(type(error).__name__, error)
pathlib.Path("MARK").touch()
time.sleep(1.5)
(home / "filler").unlink()
job.wait(id=job_id, timeout_s=20)
print("state", job.status(id=job_id).state, len(list(job.list())))
service.stop()
""".replace("MARK", mark)
    mount = f'mount -t tmpfs -o size=4m none {home} && exec "$@"'
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", code]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    finally:
        Path(mark).unlink(missing_ok=True)
    assert "mount" not in done.stderr, f"this test needs unshare and mount: {done.stderr}"
    lines = done.stdout.splitlines()
    assert lines[-1] == "state SUCCEEDED 1", done.stderr
    assert "Free space or mend the rights" in lines[0]


def test_a_service_that_can_write_nothing_down_any_more_ends(tmp_path: Path) -> None:
    """Better than to leave all who ask waiting: the next call starts another."""
    code = f"""
import asyncio, pathlib
from jobs_jupyter.service.store.database import Database
opened = Database(pathlib.Path({str(tmp_path / "jobs.db")!r}))
opened._commit = None  # a mistake that nobody foresaw
asyncio.run(opened.write(lambda connection: None))
"""
    done = python(code)
    assert done.returncode == EXIT_WITHOUT_WRITER
    assert "nothing can be written down any more" in done.stderr
