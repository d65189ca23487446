"""`jupyter jobs backup` and `restore`, with real services that work meanwhile."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import LOST, client
from jobs_jupyter.client.streams import events
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.sizes import human
from jobs_jupyter.service.backup import FORMAT
from jobs_jupyter.service.store.schema import HEAD
from tests.archives import members, write
from tests.cli.conftest import Call
from tests.jobs import ended, eventually, run, running, submit
from tests.noise import noise

QUEUE = {"job_queue_spec": {"name": "line", "idle_timeout_s": 600}}


def test_a_backup_while_everything_moves(
    service: Path, tmp_path: Path, call: Call, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs run, wait, end and are deleted meanwhile; what had ended before is there again, as it was."""
    archive = tmp_path / "jobs.tar.gz"
    monkeypatch.setenv("OF_THE_USER", "env-secret-1")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "data").write_text("content of a package\n")
    finished = [
        run(
            "cat data; printf result > $JOBS_JUPYTER_OUTPUT_DIR/value; exit 3",
            working_dir=str(tmp_path / "work"),
            env_vars={"TOKEN": "env-secret-2"},
            tags={"team": "a"},
        ),
        run("yes 'a long line' | head -c 3000000", name="long"),
        run("truncate -s 3G $JOBS_JUPYTER_OUTPUT_DIR/holes; echo end >> $JOBS_JUPYTER_OUTPUT_DIR/holes"),
    ]
    logs = {status.id: job.get_logs(id=status.id) for status in finished}
    growing = running(submit("while :; do echo more; done", max_retries=5, name="growing"))
    in_queue = running(submit("sleep 600", job_queue_config=QUEUE))
    waiting = submit("echo waited", job_queue_config=QUEUE)
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            job.delete(id=run("echo short-lived", name="short").id)

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(2):  # the second replaces the first
            done = call("backup", str(archive), "--json")
            assert (done.code, done.err) == (0, "")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert done.json == {"file": str(archive), "bytes": archive.stat().st_size}
    assert archive.stat().st_mode & 0o777 == 0o600
    assert call("backup", str(archive)).out == f"{archive}: {human(archive.stat().st_size)}\n"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    with client.stream("/v1/backup") as answer:
        next(answer.iter_raw())  # and no more of it
    assert eventually(lambda: list(service.glob(".backup-*")) == []), "nothing is left of the one given up"

    files = members(archive)
    assert next(iter(files)) == "backup.json"
    kept = {name.split("/")[-1] for name in files}
    assert not kept & {"environment.json", "launch.json", "token", "service.json", "config.yaml"}
    assert not any("/work/" in name for name in files)
    for secret in (b"env-secret-1", b"env-secret-2"):
        assert [name for name, content in files.items() if secret in content] == []

    assert "A service runs on" in refused("restore", str(archive), code=1)
    client_service.stop()
    assert "has jobs already" in refused("restore", str(archive), code=1)
    assert "still runs" in refused("restore", str(archive), "--force", code=1)
    for each in (waiting, in_queue, growing):
        job.terminate(id=each)
    assert all(ended(each).state == "TERMINATED" for each in (in_queue, growing))
    (service / "config.yaml").write_text("cpus: 2\n")
    client_service.stop()
    client.reconnect()

    done = call("restore", str(archive), "--force", "--json")
    assert done.code == 0, done.err
    assert done.json["not_ended"] >= 3
    aside = Path(done.json["aside"])
    assert (aside / "jobs.db").exists()
    assert (service / "config.yaml").read_text() == "cpus: 2\n"
    assert service.stat().st_mode & 0o777 == 0o700
    assert [path for path in service.parent.iterdir() if path.name.startswith(".")] == []
    for status in finished:
        again = job.status(id=status.id)
        masked = (
            {"env_vars": dict.fromkeys(status.config.env_vars or {}, "***")} if status.config.env_vars else {}
        )
        assert again.options(config=status.config) == status
        assert again.config == status.config.options(**masked)
        assert job.get_logs(id=status.id) == logs[status.id]
    outputs = StatePaths(service).job(finished[2].id).run(finished[2].runs[0].name).outputs / "holes"
    assert (outputs.stat().st_size, outputs.stat().st_blocks * 512 < 10**6) == (3 * 2**30 + 4, True)
    value = client.request("GET", f"/v1/jobs/{finished[0].id}/outputs/value").content
    assert value == b"result"

    lost = "lost: it was running when the backup was made"
    for job_id, why in (
        (in_queue, lost),
        (growing, f"{lost}; a backup does not hold its environment; submit it again"),
    ):
        status = job.status(id=job_id)
        assert (status.state, status.reason) == ("FAILED", why)
        assert [(r.state, r.reason) for r in status.runs] == [("FAILED", lost)]
    assert job.get_logs(id=growing).startswith("more\n"), "as far as it was written"
    status = job.status(id=waiting)
    assert (status.state, status.runs) == ("FAILED", [])
    assert "it waited when the backup was made" in (status.reason or "")
    assert job.get_logs(id=run("echo on", job_queue_config=QUEUE).id) == "on\n", "the queue goes on"
    assert job.get_logs(id=ended(job.submit(finished[0].config.options(env_vars=None))).id).startswith(
        "content"
    )


def test_arguments(
    home: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"There is no state directory {home}" in refused("backup", str(tmp_path / "x"), code=1)
    (home / "hosts" / "other").mkdir(parents=True)
    assert "name a file in a directory that exists" in refused("backup", str(tmp_path))
    assert "name a file in a directory that exists" in refused("backup", str(tmp_path / "none" / "x"))
    long = tmp_path / ("y" * 250)  # the name that it has meanwhile is longer
    assert f"{long} can't be written: File name too long. Name a file" in refused("backup", str(long), code=1)
    archive = tmp_path / "x"
    assert f"There is no file {archive}" in refused("restore", str(archive), code=1), "it is looked at first"
    archive.write_text("something else")
    assert "is not a backup of jobs-jupyter" in refused("restore", str(archive), code=1)
    about = {"format": FORMAT, "schema": HEAD, "version": "1"}
    write(archive, {"backup.json": json.dumps(about).encode()})
    assert "is shared with other hosts" in refused("restore", str(archive), code=1)
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", "http://127.0.0.1:1")
    assert "is a service elsewhere" in refused("restore", str(archive))
    assert "No service answers at http://127.0.0.1:1" in refused("backup", str(tmp_path / "y"), code=1)
    assert not (tmp_path / "y").exists()


def test_a_run_that_ends_during_the_backup_reads_as_it_ended(
    service: Path, tmp_path: Path, call: Call
) -> None:
    """The database is copied while it runs; its end is written down before its files are read."""
    go = tmp_path / "go"
    slow = running(submit(f"while [ ! -e {go} ]; do sleep 0.02; done; echo over; exit 4", max_retries=3))
    paths = StatePaths(service).job(slow).run(job.status(id=slow).runs[0].name)
    archive = tmp_path / "jobs.tar.gz"
    client_service.stop()
    client.reconnect()
    assert call("backup", str(archive)).code == 0, "where no service runs, one is started"
    go.touch()
    eventually(paths.exit.exists)
    files = members(archive)
    name = f"jobs/{slow}/runs/{paths.root.name}"
    files = {"backup.json": files.pop("backup.json"), f"{name}/exit.json": paths.exit.read_bytes(), **files}
    files[f"{name}/log"] = paths.log.read_bytes()
    write(archive, files)
    job.terminate(id=slow)
    ended(slow)
    client_service.stop()
    client.reconnect()
    assert call("restore", str(archive), "--force").code == 0
    status = job.status(id=slow)
    assert [(r.state, r.exit_code) for r in status.runs] == [("FAILED", 4)]
    assert status.reason == "exit code 4; a backup does not hold its environment; submit it again"
    assert job.get_logs(id=slow) == "over\n"


def test_whoever_watched_a_job_hears_what_became_of_it_by_the_restore(
    service: Path, tmp_path: Path, call: Call
) -> None:
    """Also who has heard of more than the backup knows: numbers of events do not come twice."""
    job_id = running(submit("sleep 600"))
    assert call("backup", str(tmp_path / "backup")).code == 0
    job.terminate(id=job_id)
    assert ended(job_id).state == "TERMINATED"
    for number in range(5):
        job.add_tags(job_id=job_id, tags={"n": str(number)})
    heard = [event["seq"] for event in events(job_id, time.monotonic() + 0.5)]
    client_service.stop()
    assert call("restore", str(tmp_path / "backup"), "--force").code == 0
    news = next(events(job_id, time.monotonic() + 5, after=heard[-1]), None)
    assert news is not None
    assert news["job"]["reason"].startswith("lost: it was running when the backup was made")


def test_a_service_that_dies_breaks_the_backup_off(service: Path, tmp_path: Path) -> None:
    (tmp_path / "much").write_bytes(noise(30_000_000))
    run(f"cp {tmp_path}/much $JOBS_JUPYTER_OUTPUT_DIR")
    with client.stream("/v1/backup") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        os.kill(json.loads((service / "service.json").read_text())["pid"], signal.SIGKILL)
        with pytest.raises(LOST):
            list(pieces)
    assert list(service.glob(".backup-*"))
    assert len(list(job.list())) == 1
    assert list(service.glob(".backup-*")) == [], "the next service clears that away"
