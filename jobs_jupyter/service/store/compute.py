"""Compute configs in the database: their versions, and what a name means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from jobs_jupyter.models.compute import ComputeConfig, MultiResourceComputeConfig, read_compute_config
from jobs_jupyter.models.errors import ComputeConfigNotFoundError, InvalidRequestError
from jobs_jupyter.models.names import new_compute_config_id, random_compute_config_name
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.store.prepared import Row
from jobs_jupyter.service.store.schema import compute_configs

Config = ComputeConfig | MultiResourceComputeConfig
DEFAULT_NAME = "local-default"
_SUGGESTIONS = 5
_LATEST_AT = (
    select(compute_configs)
    .where(compute_configs.c.name == bindparam("name"), compute_configs.c.created_at <= bindparam("at"))
    .order_by(compute_configs.c.version.desc())
    .limit(1)
)


# --- the functions of jobs_jupyter.compute_config -----------------------------------------------------


@dataclass(frozen=True)
class NewConfig:
    """What a create brings; without a name one is made up."""

    id: str
    name: str | None
    config: Config
    creator_id: str


def create(connection: Connection, new: NewConfig, now: int) -> dict[str, Any]:
    """Store the next version of a name; one that came before under the same id is returned as it is."""
    _refuse_default(new.name, "changed")
    known = connection.execute(select(compute_configs).where(compute_configs.c.id == new.id)).one_or_none()
    if known is None:
        connection.execute(insert(compute_configs), _row(connection, new, now))
        known = connection.execute(select(compute_configs).where(compute_configs.c.id == new.id)).one()
    return _status(known)


def find(connection: Connection, name: str, include_archived: bool = True) -> dict[str, Any]:
    """Return a compute config: `name`'s latest version, or that of `name:version`."""
    row = _require(connection, name)
    if row.archived_at is not None and not include_archived:
        raise ComputeConfigNotFoundError(
            f"The compute config {row.name!r} is archived. Find it with include_archived=True, "
            "or bring it back with unarchive."
        )
    return _status(row)


def default(connection: Connection, creator_id: str, now: int) -> dict[str, Any]:
    """Return the compute config of jobs that name none, made when it is first asked for."""
    row = _latest(connection, DEFAULT_NAME)
    if row is None:
        new = NewConfig(new_compute_config_id(), DEFAULT_NAME, ComputeConfig(), creator_id)
        connection.execute(insert(compute_configs), _row(connection, new, now))
        row = _latest(connection, DEFAULT_NAME)
    assert row is not None
    return _status(row)


def every(connection: Connection, include_archived: bool) -> list[dict[str, Any]]:
    """Return the latest version of each name, the newest first."""
    query = select(compute_configs).order_by(
        compute_configs.c.created_at.desc(), compute_configs.c.version.desc()
    )
    if not include_archived:
        query = query.where(compute_configs.c.archived_at.is_(None))
    latest: dict[str, Row] = {}
    for row in connection.execute(query):
        if row.name not in latest or row.version > latest[row.name].version:
            latest[row.name] = row
    return [_status(row) for row in latest.values()]


def archive(connection: Connection, name: str, now: int) -> dict[str, Any]:
    """Let no more jobs use any version of a name; twice is a no-op."""
    _require(connection, name)
    _refuse_default(name, "archived")
    open_versions = (compute_configs.c.name == name, compute_configs.c.archived_at.is_(None))
    connection.execute(update(compute_configs).where(*open_versions).values(archived_at=now))
    return find(connection, name)


def unarchive(connection: Connection, name: str, _: int = 0) -> dict[str, Any]:
    """Let jobs use all versions of a name again; twice is a no-op."""
    _require(connection, name)
    of_name = update(compute_configs).where(compute_configs.c.name == name)
    connection.execute(of_name.values(archived_at=None))
    return find(connection, name)


def _refuse_default(name: str | None, verb: str) -> None:
    if name == DEFAULT_NAME:
        raise InvalidRequestError(
            f"The compute config {name!r} is that of jobs which name none, and can't be {verb}."
        )


def _row(connection: Connection, new: NewConfig, now: int) -> dict[str, Any]:
    name = new.name or random_compute_config_name()
    latest = _latest(connection, name)
    if latest is not None and latest.archived_at is not None:
        raise InvalidRequestError(
            f"The compute config {name!r} is archived, and its name is not used again. Use another name."
        )
    return {
        "id": new.id,
        "name": name,
        "version": latest.version + 1 if latest is not None else 1,
        "config": json.dumps(new.config.to_wire(exclude_unset=True)),
        "creator_id": new.creator_id,
        "created_at": now,
    }


def _latest(connection: Connection, name: str) -> Row | None:
    versions = select(compute_configs).where(compute_configs.c.name == name)
    return connection.execute(versions.order_by(compute_configs.c.version.desc()).limit(1)).one_or_none()


def _require(connection: Connection, wanted: str) -> Row:
    """Return the row of `name` or `name:version`; where there is none, say what there is."""
    name, _, version = wanted.partition(":")
    latest = _latest(connection, name)
    if latest is None:
        raise ComputeConfigNotFoundError(_not_found(connection, name))
    if not version or int(version) == latest.version:
        return latest
    query = select(compute_configs).where(compute_configs.c.name == name)
    if int(version) > latest.version or int(version) < 1:
        there = "1" if latest.version == 1 else f"1 to {latest.version}"
        raise ComputeConfigNotFoundError(
            f"The compute config {name!r} has no version {version}; its versions: {there}."
        )
    return connection.execute(query.where(compute_configs.c.version == int(version))).one()


def _not_found(connection: Connection, name: str) -> str:
    text = f"There is no compute config {name!r}"
    is_open = compute_configs.c.archived_at.is_(None)
    query = select(compute_configs.c.name).where(is_open).group_by(compute_configs.c.name)
    newest = query.order_by(func.max(compute_configs.c.created_at).desc())
    known = list(connection.execute(newest).scalars())
    if not known:
        return f"{text}; there are none. Create one first."
    near = nearest(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    more = f" and {len(known) - _SUGGESTIONS} more" if len(known) > _SUGGESTIONS else ""
    return f"{text}; there are {', '.join(sorted(known[:_SUGGESTIONS]))}{more}.{hint}"


def _status(row: Row) -> dict[str, Any]:
    full = {
        "id": row.id,
        "name": row.name,
        "version": row.version,
        "config": json.loads(row.config),
        "creator_id": row.creator_id,
        "created_at": iso(row.created_at),
        "archived_at": iso(row.archived_at),
    }
    return {name: value for name, value in full.items() if value is not None}


# --- what a name means ----------------------------------------------------------------------------------


def full_name(connection: Connection, wanted: str, at: int | None = None) -> str:
    """Return a name with its version: `gpus:2`. Without one it is the latest, now or at that time.

    Raises:
        ComputeConfigNotFoundError: there is no such name or version.
    """
    row = _require(connection, wanted)
    if at is not None and ":" not in wanted:
        then = connection.execute(_LATEST_AT, {"name": wanted, "at": at}).one_or_none()
        row = then if then is not None else row
    return f"{row.name}:{row.version}"


def usable(connection: Connection, wanted: str) -> tuple[str, Config]:
    """Return a compute config that a job may have, and its name with its version.

    Raises:
        ComputeConfigNotFoundError: there is no such name or version.
        InvalidRequestError: it is archived.
    """
    row = _require(connection, wanted)
    if row.archived_at is not None:
        there = [each["name"] for each in every(connection, include_archived=False)]
        raise InvalidRequestError(
            f"The compute config {row.name!r} is archived, and no new job can use it. "
            f"Use another one; there are: {', '.join(sorted(there)) or 'none'}."
        )
    return f"{row.name}:{row.version}", read_compute_config(json.loads(row.config))
