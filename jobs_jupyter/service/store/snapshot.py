"""A copy of the database for a backup, and what a restored one says of jobs that had not ended.

A copy holds no secrets: the values of jobs' environment variables are masked in it. So a job that had
not ended can't be run from it as it was meant to be, and is not: it reads FAILED, and why.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, select, text, update

from jobs_jupyter.models.base import SECRET_FIELD
from jobs_jupyter.models.refusal import MASK
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.store import entry, runs
from jobs_jupyter.service.store.records import TERMINAL
from jobs_jupyter.service.store.schema import jobs, queues

WAIT_S = 10.0
LOST = "it was running when the backup was made"
NO_ENVIRONMENT = "a backup does not hold its environment; submit it again"
UNHEARD = 1_000_000_000
"""So many events may have come since the copy: whoever heard of them hears of what comes now as well."""

_GO_ON = text("UPDATE sqlite_sequence SET seq = seq + :more WHERE name = 'events'")
_NOT_ENDED = select(jobs).where(jobs.c.state.not_in(TERMINAL))


def take(database: Path, target: Path) -> None:
    """Copy the database as it is at one moment, while it is in use, without secrets."""
    with closing(sqlite3.connect(database, isolation_level=None, timeout=WAIT_S)) as live:
        live.execute("VACUUM INTO ?", (str(target),))
    with _opened(target) as copy:
        for job_id, text in copy.execute("SELECT id, config FROM jobs").fetchall():
            config = json.loads(text)
            if variables := config.get(SECRET_FIELD):
                config[SECRET_FIELD] = dict.fromkeys(variables, MASK)
                copy.execute("UPDATE jobs SET config = ? WHERE id = ?", (json.dumps(config), job_id))


@contextmanager
def _opened(copy: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy; what is overwritten or deleted in it is gone from the file as well."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        yield connection
        connection.commit()


def runs_of(copy: Path) -> list[tuple[str, str]]:
    """Return the id of the job and the name of each run."""
    with _opened(copy) as connection:
        return connection.execute("SELECT job_id, name FROM runs ORDER BY job_id, attempt").fetchall()


def packages_of(copy: Path) -> list[tuple[str, list[str]]]:
    """Return each package and the blobs that it needs."""
    with _opened(copy) as connection:
        numbers = dict(connection.execute("SELECT number, digest FROM packages").fetchall())
        known: dict[str, list[str]] = {digest: [] for digest in numbers.values()}
        for number, blob in connection.execute("SELECT package, blob FROM package_blobs"):
            known[numbers[number]].append(blob.hex())
    return list(known.items())


def count_jobs(database: Path) -> int:
    """Return how many jobs a database has."""
    with _opened(database) as connection:
        return int(connection.execute("SELECT count(*) FROM jobs").fetchone()[0])


def job_ids(connection: Connection) -> set[str]:
    """Return the id of every job."""
    return set(connection.execute(select(jobs.c.id)).scalars())


def leave_out(copy: Path, gone_packages: Iterable[str], still_there: set[str]) -> int:
    """Take out what was deleted while its files were being copied; returns how many jobs there are left."""
    with _opened(copy) as connection:
        gone = [(row[0],) for row in connection.execute("SELECT id FROM jobs") if row[0] not in still_there]
        for table in ("runs", "tags", "events", "job_packages"):
            connection.executemany(f"DELETE FROM {table} WHERE job_id = ?", gone)  # noqa: S608 - constant
        connection.executemany("DELETE FROM jobs WHERE id = ?", gone)
        packages = [(digest,) for digest in gone_packages]
        of_package = "(SELECT number FROM packages WHERE digest = ?)"
        connection.executemany(f"DELETE FROM package_blobs WHERE package = {of_package}", packages)  # noqa: S608 - constant
        connection.executemany("DELETE FROM packages WHERE digest = ?", packages)
    return count_jobs(copy)


def is_sound(database: Path) -> bool:
    """Whether a file is a database of jobs that is not damaged."""
    if not database.is_file():
        return False
    try:
        with _opened(database) as connection:
            connection.execute("SELECT version_num FROM alembic_version")
            return bool(connection.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False


def settle(connection: Connection, ended: Callable[[str, str], Outcome | None], now: int) -> int:
    """Decide every job that had not ended when the copy was made; returns how many that were.

    Args:
        ended: returns how a run ended, by its job's id and its name, where that was written down in time.
        now: in microseconds.
    """
    connection.execute(_GO_ON, {"more": UNHEARD})
    not_ended = connection.execute(_NOT_ENDED).all()
    for launch in runs.alive(connection):
        outcome = ended(launch.job_id, launch.run) or Outcome("lost", message=LOST)
        runs.end_run(connection, launch.run, outcome, now)
    connection.execute(update(queues).values(cluster_started_at=None, idle_since=None))
    for job in connection.execute(_NOT_ENDED).all():
        if job.stop_requested_at is not None:
            entry.finish(connection, job, "TERMINATED", now, reason="stopped")
        else:
            why = job.reason.split(";")[0] if job.reason else "lost: it waited when the backup was made"
            entry.finish(connection, job, "FAILED", now, reason=f"{why}; {NO_ENVIRONMENT}")
    return len(not_ended)
