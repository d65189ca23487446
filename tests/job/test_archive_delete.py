"""`job.archive` and `job.delete`."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.models.errors import JobNotFoundError, JobStateError
from tests.jobs import MORTAL, ended, eventually, python, run, running, submit


@pytest.mark.parametrize("function", [job.archive, job.delete])
def test_only_terminal_jobs(function: Callable[..., str], service: Path) -> None:
    job_id = running(submit("sleep 600"))
    with pytest.raises(JobStateError, match=r"RUNNING.*terminate") as refused:
        function(id=job_id)
    assert isinstance(refused.value, RuntimeError)
    waiting = running(submit("exit 1", max_retries=9))
    with pytest.raises(JobStateError):
        function(id=waiting)
    assert {each.id for each in job.list()} == {job_id, waiting}

    job.terminate(id=job_id)
    assert ended(job_id).state == "TERMINATED"
    for each in (job_id, run("true").id, run("false").id):
        assert function(id=each) == each


def test_archive_hides_and_keeps(service: Path) -> None:
    status = run("echo kept", name="old")
    assert job.archive(name="old") == status.id
    archived = job.status(id=status.id)
    assert archived.archived_at
    assert archived.state == "SUCCEEDED"
    assert list(job.list()) == []
    assert list(job.list(include_archived=True)) == [archived]
    assert job.get_logs(id=status.id) == "kept\n"
    assert job.archive(id=status.id) == status.id
    assert job.status(id=status.id) == archived, "archiving twice is a no-op"


def test_delete_leaves_nothing(service: Path, tmp_path: Path) -> None:
    """Of a job with all that a job can have: neither in a table nor anywhere else in the state directory."""
    secret = f"secret-{uuid.uuid4().hex}"
    (tmp_path / "big").write_text(f"package {secret}\n" * 1000)
    kept = run("true")
    status = run(
        "cat big; cat big > $JOBS_JUPYTER_OUTPUT_DIR/result; cp big $JOBS_JUPYTER_QUEUE_DIR/; false",
        name=secret,
        working_dir=str(tmp_path),
        tags={"a": secret},
        env_vars={"TOKEN": secret},
        max_retries=1,
        job_queue_config={"job_queue_spec": {"name": "line", "idle_timeout_s": 0}},
    )
    job.add_tags(job_id=status.id, tags={"b": secret})
    assert mentioned(service, secret)
    assert job.delete(id=status.id) == status.id
    assert list((service / "jobs").iterdir()) == [service / "jobs" / kept.id]
    assert [path for path in (service / "packages").rglob("*") if path.is_file()] == []
    for look in (job.status, job.get_logs, job.delete, job.terminate):
        with pytest.raises(JobNotFoundError):
            look(id=status.id)
    assert [each.id for each in job.list(include_archived=True, include_all_users=True)] == [kept.id]
    assert job.status(id=kept.id) == kept
    assert eventually(lambda: not mentioned(service, secret)), "the queue's cluster goes by itself"
    assert rows_that_mention(service, secret) == []
    assert rows_that_mention(service, status.id) == ["events"]
    with closing(sqlite3.connect(service / "jobs.db")) as database:
        told = database.execute("SELECT kind, view FROM events WHERE job_id = ?", (status.id,)).fetchall()
    assert [(kind, json.loads(view)) for kind, view in told] == [
        ("deleted", {"id": status.id, "state": "FAILED", "deleted": True})
    ]


def test_delete_works_on_an_archived_job(service: Path) -> None:
    status = run("true", name="old")
    job.archive(id=status.id)
    assert job.delete(name="old", include_archived=True) == status.id


def test_a_package_stays_while_another_job_uses_it(service: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("shared")
    first, second = (run("cat file", working_dir=str(tmp_path)) for _ in range(2))
    job.delete(id=first.id)
    again = ended(job.submit(second.config))
    assert job.get_logs(id=again.id) == "shared\n"


def test_what_a_job_made_read_only_goes_too(home: Path) -> None:
    """As any user but root, for whom modes don't count; in a service of that user's."""
    done = python(
        "from tests.jobs import run\n"
        "from jobs_jupyter import job\n"
        "from jobs_jupyter.client import service\n"
        "one = run('mkdir -p a/b; touch a/b/c; ln -s / link; chmod -R a-w a; chmod 0 a/b; chmod a-w .')\n"
        "assert one.state == 'SUCCEEDED', one\n"
        "job.delete(id=one.id)\n"
        "service.stop()\n",
        prefix=MORTAL,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(home / "jobs") == []


def mentioned(home: Path, text: str) -> list[Path]:
    """Return the files below a directory that have the text in their name or content."""
    files = [path for path in home.rglob("*") if path.is_file()]
    return [path for path in files if text in path.name or text.encode() in path.read_bytes()]


def rows_that_mention(home: Path, *texts: str) -> list[str]:
    """Return the names of tables that hold one of these texts anywhere."""
    with closing(sqlite3.connect(home / "jobs.db")) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return [
            table
            for table in tables
            if any(
                text in repr(row) for row in connection.execute(f"SELECT * FROM {table}") for text in texts
            )
        ]
