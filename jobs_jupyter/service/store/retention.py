"""What the database says about what may be deleted by itself: by when it was last of use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from jobs_jupyter.service.store import packages as stored
from jobs_jupyter.service.store.records import TERMINAL
from jobs_jupyter.service.store.schema import events, job_packages, jobs, package_blobs, packages

NEWEST_EVENTS = 100


@dataclass(frozen=True)
class Used:
    """A job that has ended, or a package: when it was last of use, in microseconds."""

    id: str
    name: str
    used_at: int
    in_use: bool = False


_ENDED = (
    select(jobs.c.id, jobs.c.name, jobs.c.ended_at)
    .where(jobs.c.state.in_(TERMINAL))
    .order_by(jobs.c.ended_at.desc(), jobs.c.id)
)
_LAST_USE = func.max(packages.c.created_at, func.coalesce(packages.c.used_at, 0))
_OF_JOBS = select(job_packages.c.package)
_PACKAGES = select(
    packages.c.digest, _LAST_USE.label("used_at"), packages.c.digest.in_(_OF_JOBS).label("in_use")
).order_by(_LAST_USE.desc(), packages.c.digest)


def ended_jobs(connection: Connection) -> list[Used]:
    """Return the jobs that are terminal, the latest first."""
    return [Used(row.id, row.name, row.ended_at) for row in connection.execute(_ENDED)]


def every_package(connection: Connection) -> list[Used]:
    """Return all packages, the latest used first; in use is one that any job was submitted with."""
    rows = connection.execute(_PACKAGES)
    return [Used(row.digest, "", row.used_at, in_use=bool(row.in_use)) for row in rows]


def blobs_of_packages(connection: Connection) -> dict[str, list[str]]:
    """Return which blobs each package needs."""
    found: dict[str, list[str]] = {}
    held = select(packages.c.digest, package_blobs.c.blob).join(
        packages, packages.c.number == package_blobs.c.package
    )
    for row in connection.execute(held):
        found.setdefault(row.digest, []).append(row.blob.hex())
    return found


def evict_package(connection: Connection, digest: str, before: int) -> list[str] | None:
    """Forget a package that was not used since then; returns the blobs that nothing needs any more.

    None: it is in use, or has been used meanwhile; nothing changed.
    """
    idle = select(packages.c.digest).where(
        packages.c.digest == digest, before > _LAST_USE, packages.c.digest.not_in(_OF_JOBS)
    )
    return stored.forget(connection, digest) if connection.execute(idle).first() else None


def jobs_with_old_events(connection: Connection) -> list[str]:
    """Return the jobs that have more events than are kept however old they are."""
    crowded = select(events.c.job_id).group_by(events.c.job_id).having(func.count() > NEWEST_EVENTS)
    return list(connection.execute(crowded).scalars())


def drop_old_events(connection: Connection, job_id: str, before: int) -> int:
    """Drop a job's events from before then, but for the newest, and return how many.

    Each event holds all that is shown of its job, so a replay from any number still ends with every
    job as it is.
    """
    of_job = events.c.job_id == job_id
    newest = select(events.c.seq).where(of_job).order_by(events.c.seq.desc())
    oldest_kept = newest.offset(NEWEST_EVENTS - 1).limit(1).scalar_subquery()
    old = delete(events).where(of_job, events.c.at < before, events.c.seq < oldest_kept)
    return connection.execute(old).rowcount


def scrub(database: Path) -> None:
    """Empty the write-ahead log, in which what was deleted can still be read.

    Where somebody is reading just now, that is left to the next time.
    """
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
