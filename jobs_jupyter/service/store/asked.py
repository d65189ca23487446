"""What a job asks for by its compute config and its queue's, and whether it may have it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.service.demand import demand_of
from jobs_jupyter.service.resources import Demand
from jobs_jupyter.service.store import compute, line
from jobs_jupyter.service.store.leases import capacity
from jobs_jupyter.service.store.prepared import Row


@dataclass(frozen=True)
class Resolved:
    """A compute config, and what it was called: `gpus:2`, or None of one that was given inline."""

    full_name: str | None
    config: compute.Config

    def is_same(self, other: Resolved) -> bool:
        """Whether both are the same version, or, where one was given inline, of the same content."""
        if self.full_name and other.full_name:
            return self.full_name == other.full_name
        return self.config == other.config

    def __str__(self) -> str:
        return repr(self.full_name) if self.full_name else f"{self.config.to_dict(exclude_unset=True)}"


def demand(connection: Connection, config: JobConfig, project: str) -> Demand | None:
    """Return what a job asks for of the machine that the database was opened with; None: nothing.

    It is what its compute config says, or its queue's where it has none of its own.

    Raises:
        JobQueueNotFoundError: the queue that it names is not there.
        ComputeConfigNotFoundError: there is no such name or version.
        InvalidRequestError: its queue takes no jobs or is not as its spec says, its compute config is
            archived, or the job's and the queue's differ.
        UnsupportedError: this machine can never meet it, or a field of it can't be honoured here.
    """
    if config.compute_config is None and config.job_queue_config is None:
        return None
    return demand_in(connection, config, line.look_up(connection, config, project))


def demand_in(connection: Connection, config: JobConfig, made: Row | None) -> Demand | None:
    """Return the same of a job whose queue was looked up: `made`, None where its spec has yet to make it."""
    shared = _resolve(connection, _of_queue(connection, config, made))
    own = _resolve(connection, config.compute_config)
    if own and shared and not own.is_same(shared):
        raise InvalidRequestError(
            f"The job's compute_config is {own}, and its queue's is {shared}; they have to match. "
            "Leave the job's out to use the queue's."
        )
    chosen = own or shared
    return demand_of(chosen.config, capacity(connection)) if chosen else None


def _resolve(connection: Connection, wanted: str | compute.Config | None) -> Resolved | None:
    if not isinstance(wanted, str):
        return Resolved(None, wanted) if wanted is not None else None
    return Resolved(*compute.usable(connection, wanted))


def _of_queue(connection: Connection, config: JobConfig, made: Row | None) -> str | None:
    """Return the compute config of the job's queue: as it was made, or as its spec would make it."""
    if made is not None:
        return line.compute_config_of(connection, made)
    wanted = config.job_queue_config
    return wanted.job_queue_spec.compute_config if wanted and wanted.job_queue_spec else None
