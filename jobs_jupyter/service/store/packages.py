"""Which packages are stored, and which file contents each of them needs."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select, update

from jobs_jupyter.service.store.schema import jobs, package_blobs, packages


def add_package(connection: Connection, digest: str, blobs: Iterable[str], now: int) -> None:
    """Store that a package is complete; of one that is there already, that it is wanted again."""
    again = update(packages).where(packages.c.digest == digest).values(used_at=now)
    if connection.execute(again).rowcount:
        return
    connection.execute(insert(packages).values(digest=digest, created_at=now))
    if rows := [{"package": digest, "blob": blob} for blob in sorted(set(blobs))]:
        connection.execute(insert(package_blobs), rows)


def release(connection: Connection, digest: str) -> list[str] | None:
    """Forget a package that no job uses; returns the blobs that nothing needs any more.

    None: the package is still in use, nothing changed.
    """
    if connection.execute(select(jobs.c.id).where(jobs.c.package == digest).limit(1)).first():
        return None
    return forget(connection, digest)


def forget(connection: Connection, digest: str) -> list[str]:
    """Forget a package; returns the blobs that nothing needs any more."""
    mine = package_blobs.alias("mine")
    shared = select(package_blobs.c.blob).where(
        package_blobs.c.blob == mine.c.blob, package_blobs.c.package != digest
    )
    unused = connection.execute(
        select(mine.c.blob).where(mine.c.package == digest, ~shared.exists())
    ).scalars()
    freed = list(unused)
    connection.execute(delete(package_blobs).where(package_blobs.c.package == digest))
    connection.execute(delete(packages).where(packages.c.digest == digest))
    return freed


def needed_blobs(connection: Connection) -> set[str]:
    """Return every blob that a stored package needs."""
    return set(connection.execute(select(package_blobs.c.blob).distinct()).scalars())
