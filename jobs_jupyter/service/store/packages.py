"""Which packages are stored, and which file contents each of them needs."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import SCHEME
from jobs_jupyter.service.store.schema import job_packages, package_blobs, packages

# built once: building a statement costs more than running it
_HAS = select(packages.c.digest).where(packages.c.digest == bindparam("package"))
_USE = update(packages).where(packages.c.digest == bindparam("package"))
_NEED = insert(job_packages).prefix_with("OR IGNORE")  # a job may get the same one twice
# ten thousand rows at once, taken apart by the database: in half the time that it takes to hand them over
_NEEDS = """
    WITH RECURSIVE place (at) AS (SELECT 1 UNION ALL SELECT at + 32 FROM place WHERE at + 32 < ?)
    INSERT INTO package_blobs (blob, package) SELECT substr(?, at, 32), ? FROM place
"""
_NEXT = select(func.coalesce(func.max(packages.c.number), 0) + 1)
_KEPT = select(packages.c.kept_at).where(packages.c.digest == bindparam("package"))


def need(connection: Connection, job_id: str, digests: Iterable[str], now: int) -> None:
    """Note that a job needs these packages, from now on.

    Raises:
        PackageError: one of them is not stored, or only in part.
    """
    for digest in dict.fromkeys(digests):
        if connection.execute(_HAS, {"package": digest}).first() is None:
            raise PackageError(f"The package {SCHEME}{digest} is not on this service; upload it again.")
        connection.execute(_NEED, {"job_id": job_id, "package": digest})
        connection.execute(_USE, {"package": digest, "used_at": now})


def let_go(connection: Connection, job_id: str) -> list[str]:
    """Forget what packages a job needed, and return them."""
    mine = job_packages.c.job_id == job_id
    needed = list(connection.execute(select(job_packages.c.package).where(mine)).scalars())
    if needed:
        connection.execute(delete(job_packages).where(mine))
    return needed


def use(connection: Connection, digest: str, now: int) -> bool:
    """Note that a package is wanted again; returns whether it is stored."""
    return bool(connection.execute(_USE, {"package": digest, "used_at": now}).rowcount)


def add_package(connection: Connection, digest: str, blobs: Iterable[str], now: int) -> None:
    """Store that a package is complete; of one that is there already, that it is wanted again."""
    if use(connection, digest, now):
        return
    number = connection.execute(_NEXT).scalar_one()
    connection.execute(insert(packages).values(digest=digest, created_at=now, number=number))
    if joined := bytes.fromhex("".join(sorted(set(blobs)))):
        connection.exec_driver_sql(_NEEDS, (len(joined), joined, number))


def release(connection: Connection, digest: str) -> list[str] | None:
    """Forget a package that no job uses; returns the blobs that nothing needs any more.

    None: the package is still in use, nothing changed.
    """
    users = select(job_packages.c.job_id).where(job_packages.c.package == digest)
    if connection.execute(users.limit(1)).first():
        return None
    return forget(connection, digest)


def forget(connection: Connection, digest: str) -> list[str]:
    """Forget a package; returns the blobs that nothing needs any more."""
    number = connection.execute(select(packages.c.number).where(packages.c.digest == digest)).scalar()
    mine = package_blobs.alias("mine")
    shared = select(package_blobs.c.blob).where(
        package_blobs.c.blob == mine.c.blob, package_blobs.c.package != number
    )
    unused = connection.execute(
        select(mine.c.blob).where(mine.c.package == number, ~shared.exists())
    ).scalars()
    freed = list(map(bytes.hex, unused))
    connection.execute(delete(package_blobs).where(package_blobs.c.package == number))
    connection.execute(delete(packages).where(packages.c.digest == digest))
    return freed


def needed_blobs(connection: Connection) -> set[str]:
    """Return every blob that a stored package needs."""
    return set(map(bytes.hex, connection.execute(select(package_blobs.c.blob).distinct()).scalars()))


def kept_at(connection: Connection, digest: str) -> str | None:
    """Return the URI of a package's copy in a remote store, None where there is none."""
    return connection.execute(_KEPT, {"package": digest}).scalar()


def keep(connection: Connection, digest: str, uri: str) -> None:
    """Note where a package's copy is."""
    connection.execute(update(packages).where(packages.c.digest == digest).values(kept_at=uri))
