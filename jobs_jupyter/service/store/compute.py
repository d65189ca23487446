"""Compute configs in the database, and which of them a job has."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from jobs_jupyter.models.compute import ComputeConfig, MultiResourceComputeConfig, read_compute_config
from jobs_jupyter.models.errors import ComputeConfigNotFoundError, InvalidRequestError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.names import random_compute_config_name
from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.demand import demand_of
from jobs_jupyter.service.resources import Demand
from jobs_jupyter.service.store.leases import capacity
from jobs_jupyter.service.store.schema import compute_configs, queues

Config = ComputeConfig | MultiResourceComputeConfig
_SUGGESTIONS = 5


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
    known = connection.execute(select(compute_configs).where(compute_configs.c.id == new.id)).one_or_none()
    if known is None:
        connection.execute(insert(compute_configs), _row(connection, new, now))
        known = connection.execute(select(compute_configs).where(compute_configs.c.id == new.id)).one()
    return _status(known)


def find(connection: Connection, name: str) -> dict[str, Any]:
    """Return a compute config, archived or not: `name`'s latest version, or that of `name:version`."""
    return _status(_require(connection, name))


def every(connection: Connection, include_archived: bool) -> list[dict[str, Any]]:
    """Return the latest version of each name, the newest first."""
    query = select(compute_configs).order_by(
        compute_configs.c.created_at.desc(), compute_configs.c.version.desc()
    )
    if not include_archived:
        query = query.where(compute_configs.c.archived_at.is_(None))
    latest: dict[str, Row[Any]] = {}
    for row in connection.execute(query):
        if row.name not in latest or row.version > latest[row.name].version:
            latest[row.name] = row
    return [_status(row) for row in latest.values()]


def archive(connection: Connection, name: str, now: int) -> dict[str, Any]:
    """Let no more jobs use any version of a name; twice is a no-op."""
    _require(connection, name)
    open_versions = (compute_configs.c.name == name, compute_configs.c.archived_at.is_(None))
    connection.execute(update(compute_configs).where(*open_versions).values(archived_at=now))
    return find(connection, name)


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
        "config": json.dumps(new.config.to_dict(exclude_unset=True)),
        "creator_id": new.creator_id,
        "created_at": now,
    }


def _latest(connection: Connection, name: str) -> Row[Any] | None:
    versions = select(compute_configs).where(compute_configs.c.name == name)
    return connection.execute(versions.order_by(compute_configs.c.version.desc()).limit(1)).one_or_none()


def _require(connection: Connection, wanted: str) -> Row[Any]:
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
    usable = compute_configs.c.archived_at.is_(None)
    query = select(compute_configs.c.name).where(usable).group_by(compute_configs.c.name)
    newest = query.order_by(func.max(compute_configs.c.created_at).desc())
    known = list(connection.execute(newest).scalars())
    if not known:
        return f"{text}; there are none. Make one with compute_config.create."
    near = difflib.get_close_matches(name, known, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    more = f" and {len(known) - _SUGGESTIONS} more" if len(known) > _SUGGESTIONS else ""
    return f"{text}; there are {', '.join(sorted(known[:_SUGGESTIONS]))}{more}.{hint}"


def _status(row: Row[Any]) -> dict[str, Any]:
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


# --- which one a job has --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Resolved:
    """A compute config, and what it was called: `gpus:2`, or None of one that was given inline."""

    full_name: str | None
    config: Config

    def is_same(self, other: Resolved) -> bool:
        """Whether both are the same version, or, where one was given inline, of the same content."""
        if self.full_name and other.full_name:
            return self.full_name == other.full_name
        return self.config == other.config

    def __str__(self) -> str:
        return repr(self.full_name) if self.full_name else f"{self.config.to_dict(exclude_unset=True)}"


def demand(connection: Connection, config: JobConfig) -> Demand | None:
    """Return what a job asks for of the machine that the database was opened with; None: nothing.

    It is what its compute config says, or its queue's where it has none of its own.

    Raises:
        ComputeConfigNotFoundError: there is no such name or version.
        InvalidRequestError: it is archived, or the job's and the queue's differ.
        UnsupportedError: this machine can never meet it, or a field of it can't be honoured here.
    """
    own = _resolve(connection, config.compute_config)
    shared = _resolve(connection, _of_queue(connection, config))
    if own and shared and not own.is_same(shared):
        raise InvalidRequestError(
            f"The job's compute_config is {own}, and its queue's is {shared}; they have to match. "
            "Leave the job's out to use the queue's."
        )
    chosen = own or shared
    return demand_of(chosen.config, capacity(connection)) if chosen else None


def _resolve(connection: Connection, wanted: str | Config | None) -> Resolved | None:
    if not isinstance(wanted, str):
        return Resolved(None, wanted) if wanted is not None else None
    row = _require(connection, wanted)
    if row.archived_at is not None:
        usable = [each["name"] for each in every(connection, include_archived=False)]
        raise InvalidRequestError(
            f"The compute config {row.name!r} is archived, and no new job can use it. "
            f"Use another one; there are: {', '.join(sorted(usable)) or 'none'}."
        )
    return Resolved(f"{row.name}:{row.version}", read_compute_config(json.loads(row.config)))


def _of_queue(connection: Connection, config: JobConfig) -> str | None:
    """Return the compute config of the spec of the job's queue: as the job gives it, or as it was made."""
    wanted = config.job_queue_config
    if wanted is None:
        return None
    spec = wanted.job_queue_spec
    if spec is not None and spec.compute_config is not None:
        return spec.compute_config
    name = spec.name if spec is not None else wanted.target_job_queue_name
    of_name = (queues.c.name == name, queues.c.project == (config.project or "default"))
    made = connection.execute(select(queues.c.spec).where(*of_name)).scalar_one_or_none() if name else None
    return json.loads(made).get("compute_config") if made else None
