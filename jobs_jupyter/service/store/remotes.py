"""Which versions of remote objects jobs were submitted with, and which packages they became."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from jobs_jupyter.service.store import packages
from jobs_jupyter.service.store.schema import job_remotes
from jobs_jupyter.service.store.schema import packages as stored


class Remote(NamedTuple):
    """A remote URI in a field of a job's config, and what was there when the job was submitted."""

    field: str
    uri: str
    version: str | None  # None: the store names none, so it is fetched for each job
    package: str | None = None  # the digest of what it became


def note(connection: Connection, job_id: str, remotes: Iterable[Remote]) -> None:
    """Note what a job is submitted with."""
    if rows := [{"job_id": job_id, **remote._asdict()} for remote in dict.fromkeys(remotes)]:
        connection.execute(insert(job_remotes), rows)


def of_job(connection: Connection, job_id: str) -> list[Remote]:
    """Return what a job was submitted with, and what is fetched of it."""
    columns = (job_remotes.c[name] for name in Remote._fields)
    found = connection.execute(select(*columns).where(job_remotes.c.job_id == job_id))
    return [Remote(*row) for row in found]


def share(connection: Connection, job_id: str, wanted: Remote, now: int) -> str | None:
    """Give a job the package that another job's fetch of the same version made, if there is one."""
    if wanted.version is None:
        return None
    there = select(job_remotes.c.package).where(
        job_remotes.c.uri == wanted.uri,
        job_remotes.c.version == wanted.version,
        job_remotes.c.field == wanted.field,
        job_remotes.c.package.in_(select(stored.c.digest)),
    )
    package: str | None = connection.execute(there.limit(1)).scalar()
    if package is not None:
        pin(connection, job_id, wanted._replace(package=package), now)
    return package


def pin(connection: Connection, job_id: str, fetched: Remote, now: int) -> None:
    """Note which package a job has for a URI: all of its runs get that one."""
    assert fetched.package is not None
    packages.need(connection, job_id, [fetched.package], now)
    row = (
        job_remotes.c.job_id == job_id,
        job_remotes.c.field == fetched.field,
        job_remotes.c.uri == fetched.uri,
    )
    values = {"package": fetched.package, "version": fetched.version}
    connection.execute(update(job_remotes).where(*row).values(values))


def store(connection: Connection, job_id: str, fetched: Remote, blobs: Iterable[str], now: int) -> None:
    """Store that a fetched package is complete, and that a job has it."""
    assert fetched.package is not None
    packages.add_package(connection, fetched.package, blobs, now)
    pin(connection, job_id, fetched, now)


def forget(connection: Connection, job_id: str) -> None:
    """Forget what a deleted job was submitted with."""
    connection.execute(delete(job_remotes).where(job_remotes.c.job_id == job_id))
