"""`image_uri`: a job in a container behaves as any other."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec
from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.paths import RunPaths, StatePaths
from tests.engine import IMAGE, Engine
from tests.jobs import ended, eventually, output, run, running, submit
from tests.service.test_crash import kill_service

GIB = 1 << 30


def paths_of(home: Path, job_id: str) -> RunPaths:
    return StatePaths(home).job(job_id).run(job.status(id=job_id).runs[-1].name)


def said(home: Path, job_id: str, text: str) -> RunPaths:
    """Wait until the job has written this."""
    running(job_id)
    paths = paths_of(home, job_id)
    eventually(lambda: text in paths.log.read_text())
    return paths


def test_the_image_is_what_it_runs_in(service: Path, podman: Engine, tmp_path: Path) -> None:
    (tmp_path / "given.txt").write_text("given\n")
    command = (
        "cat given.txt; echo $OF_IMAGE $MINE; ls /bin/cat; echo made > made.txt; "
        "echo err >&2; echo out; exit 3"
    )
    mine = "it's\n$HOME \\ 'quoted'"
    status = run(command, image_uri=IMAGE, working_dir=str(tmp_path), env_vars={"MINE": mine, "a.b": "c"})
    assert status.exit_code == 3
    assert status.reason == "exit code 3"
    log = job.get_logs(id=status.id)
    assert log == "given\nyes it's $HOME \\ 'quoted'\n/bin/cat\nerr\nout\n"
    made = (paths_of(service, status.id).work / "made.txt").stat()
    assert (made.st_uid, made.st_gid) == (os.getuid(), os.getgid())
    assert not (tmp_path / "made.txt").exists()


def test_its_environment_is_not_the_submitters(
    service: Path, podman: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SUBMITTER", "yes")
    log = output("env; echo $HOME; ls $JOBS_JUPYTER_OUTPUT_DIR; kill -l >/dev/null",
                 image_uri=IMAGE, env_vars={"PATH": "/bin:/mine", "PPID": "7"})  # fmt: skip
    found = dict(line.split("=", 1) for line in log.splitlines() if "=" in line)
    assert "OF_THE_SUBMITTER" not in found
    assert (found["PATH"], found["OF_IMAGE"]) == ("/bin:/mine", "yes")
    assert found["JOBS_JUPYTER_RUN_ATTEMPT"] == "1"


def test_no_list_of_processes_shows_variables_or_the_command(service: Path, podman: Engine) -> None:
    job_id = submit("echo $SECRET; sleep 60 # hidden", image_uri=IMAGE, env_vars={"SECRET": "s3cr3t-value"})
    said(service, job_id, "s3cr3t-value")
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = place.read_bytes()
        except OSError:
            continue
        assert b"s3cr3t-value" not in command
    assert "s3cr3t-value" not in podman.output(
        "inspect", f"jobs-jupyter-{job.status(id=job_id).runs[0].name}"
    )
    job.terminate(id=job_id)
    assert ended(job_id).state == "TERMINATED"


def test_modules_and_a_queues_directory_are_there(service: Path, podman: Engine, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("x = 1\n")
    queue = JobQueueConfig(job_queue_spec=JobQueueSpec(name="line", idle_timeout_s=600))
    fields = {"image_uri": IMAGE, "job_queue_config": queue, "py_modules": [str(tmp_path / "mine.py")]}
    assert (
        output("cat ${PYTHONPATH%%:*}/mine.py; echo kept > $JOBS_JUPYTER_QUEUE_DIR/it", **fields) == "x = 1\n"
    )
    assert output("cat $JOBS_JUPYTER_QUEUE_DIR/it", **fields) == "kept\n"


def test_terminate_lets_it_end_by_itself(service: Path, podman: Engine) -> None:
    job_id = submit("trap 'echo asked; exit 4' TERM; echo ready; sleep 60 & wait", image_uri=IMAGE)
    said(service, job_id, "ready")
    job.terminate(id=job_id)
    status = ended(job_id)
    assert (status.state, status.runs[0].exit_code) == ("TERMINATED", 4)
    assert job.get_logs(id=job_id) == "ready\nasked\n"


def test_what_does_not_end_is_killed(service: Path, podman: Engine) -> None:
    job_id = submit("trap '' TERM; echo ready; while true; do sleep 1; done", image_uri=IMAGE)
    said(service, job_id, "ready")
    job.terminate(id=job_id)
    assert ended(job_id).state == "TERMINATED"


def test_a_timeout(service: Path, podman: Engine) -> None:
    status = run("sleep 60", image_uri=IMAGE, timeout_s=1)
    assert (status.state, status.reason) == ("FAILED", "timed out after 1 s")


def test_it_outlives_the_service(service: Path, podman: Engine) -> None:
    job_id = submit("echo one; while [ ! -e go ]; do sleep 0.1; done; echo two; exit 7", image_uri=IMAGE)
    paths = said(service, job_id, "one")
    kill_service(service)
    (paths.work / "go").touch()
    eventually(paths.exit.exists)
    assert ended(job_id).exit_code == 7
    assert job.get_logs(id=job_id) == "one\ntwo\n"


def test_it_ends_with_its_shim(service: Path, podman: Engine) -> None:
    job_id = submit("echo ready; sleep 600", image_uri=IMAGE)
    paths = said(service, job_id, "ready")
    os.kill(json.loads(paths.claim(1).read_text())["pid"], signal.SIGKILL)
    assert ended(job_id).reason == "lost: the process that watched over it was killed"
    assert podman.output("ps", "--all", "--quiet") == ""


def test_a_container_whose_client_is_killed(service: Path, podman: Engine) -> None:
    job_id = submit("echo ready; sleep 600", image_uri=IMAGE)
    said(service, job_id, "ready")
    name = f"jobs-jupyter-{job.status(id=job_id).runs[0].name}".encode()
    (client,) = [
        int(place.parent.name)
        for place in Path("/proc").glob("[0-9]*/cmdline")
        if place.read_bytes().startswith(b"/usr/bin/podman\0run\0") and name in place.read_bytes()
    ]
    os.kill(client, signal.SIGKILL)
    # (SIGKILL), or (out of memory) where the kernel killed another test's process just then
    assert (ended(job_id).reason or "").startswith("killed by signal 9 (")


def test_it_has_the_cpus_that_it_asks_for(service: Path, podman: Engine) -> None:
    asked = {"min_resources": {"CPU": 1, "memory": 64 << 20}}
    command = "grep Cpus_allowed_list /proc/self/status; df -k /dev/shm | tail -1; echo $OMP_NUM_THREADS"
    allowed, shared, threads = output(command, image_uri=IMAGE, compute_config=asked).splitlines()
    assert allowed.split()[1].isdigit()
    assert int(shared.split()[1]) == 65536
    assert threads == "1"


def test_it_is_held_to_its_memory(service: Path, podman: Engine) -> None:
    asked = {"min_resources": {"CPU": 1, "memory": 64 << 20}}
    fill = "x=$(yes | head -c 200000000); echo ${#x}"
    status = run(fill, image_uri=IMAGE, compute_config=asked)
    assert status.state == "FAILED"
    assert status.reason is not None
    assert status.reason.startswith("killed: out of memory")
    assert "(limit 64.0 MiB)" in status.reason
    peak = status.runs[0].peak_memory
    assert peak is None or peak <= 64 << 20


def test_retries_have_the_same_image(service: Path, podman: Engine) -> None:
    podman.make("localhost/jj-moving:1")
    image = podman.output("image", "inspect", "--format", "{{.Id}}", "localhost/jj-moving:1").strip()
    command = "test -e $JOBS_JUPYTER_QUEUE_DIR/go && exit 0; sleep 0.5; exit 1"
    queue = JobQueueConfig(job_queue_spec=JobQueueSpec(name="line", idle_timeout_s=600))
    job_id = running(
        submit(command, image_uri="localhost/jj-moving:1", max_retries=1, job_queue_config=queue)
    )
    podman.output("tag", IMAGE, "localhost/jj-moving:1")
    (scratch,) = service.glob("queues/*/1")
    kept = StatePaths(service).job(job_id).image
    (scratch / "go").touch()
    assert ended(job_id).state == "SUCCEEDED"
    assert kept.read_text() == image
    podman.output("rmi", "--force", "localhost/jj-moving:1", image)


def test_an_image_without_a_shell(service: Path, podman: Engine) -> None:
    podman.make("localhost/jj-bare:1", ())
    status = run("true", image_uri="localhost/jj-bare:1", max_retries=3)
    assert status.reason == (
        "could not start: the container engine could not start the container; its log says why"
    )
    assert len(status.runs) == 1
    assert "/bin/sh" in job.get_logs(id=status.id)
    podman.output("rmi", "localhost/jj-bare:1")


def test_a_registry_that_is_not_there(service: Path, podman: Engine) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        image = f"localhost:{nobody.getsockname()[1]}/team/tool:1"
        status = run("true", image_uri=image, max_retries=3)
    assert status.reason is not None
    assert status.reason.startswith(f"could not start: image_uri='{image}' could not be pulled: ")
    assert "connection refused" in status.reason
    assert len(status.runs) == 1
    assert "Trying to pull" in job.get_logs(id=status.id)


def test_a_stop_while_it_is_pulled(service: Path, podman: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"localhost:{silent.getsockname()[1]}/team/tool:1"
        job_id = submit("true", image_uri=image)
        eventually(lambda: job.status(id=job_id).reason == f"pulling image {image}")
        silent.accept()[0].close()
        job.terminate(id=job_id)
        assert ended(job_id).state == "TERMINATED"


def test_what_can_not_be_is_refused(service: Path, podman: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedError, match="py_executable is for this machine's Python"):
        submit("true", image_uri=IMAGE, py_executable="python3.12")
    assert list(job.list()) == []


def test_without_an_engine(service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_CONTAINER_ENGINE", str(tmp_path / "engine"))
    with pytest.raises(UnsupportedError, match=r"image_uri='a:1' can't be used here: .*Install Podman"):
        submit("true", image_uri="a:1")
    (tmp_path / "Containerfile").write_text("FROM scratch\n")
    with pytest.raises(UnsupportedError, match=r"containerfile='.*Containerfile' can't be used here"):
        submit("true", containerfile=str(tmp_path / "Containerfile"))
    assert not list(service.glob("packages/blobs/*/*"))


def test_an_engine_that_does_not_answer(
    service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "podman"
    broken.write_text("#!/bin/sh\necho podman version 5; echo 'Error: no daemon' >&2; exit 125\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("JOBS_JUPYTER_CONTAINER_ENGINE", str(broken))
    with pytest.raises(UnsupportedError, match=r"does not work: .*no daemon"):
        submit("true", image_uri="a:1")
    assert JobConfig(entrypoint="true", image_uri="a:1").in_image
