"""Who has which CPUs, memory and GPUs of this machine, and what a job lacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from jobs_jupyter.models.sizes import apart
from jobs_jupyter.service.resources import NOTHING, Capacity, Demand
from jobs_jupyter.service.store.prepared import Prepared, Row
from jobs_jupyter.service.store.schema import IN_LINE, RETRYING, RUN_ALIVE, jobs, runs

CAPACITY = "capacity"
_IN_USE = Prepared(
    select(runs.c.cpu_list, runs.c.gpu_list, jobs.c.cpus, jobs.c.memory, jobs.c.gpus)
    .join(jobs, jobs.c.id == runs.c.job_id)
    .where(RUN_ALIVE)
)
_LONGER_AND_MORE = and_(
    jobs.c.due_at < bindparam("due"),
    or_(
        jobs.c.cpus > bindparam("cpus"),
        jobs.c.memory > bindparam("memory"),
        jobs.c.gpus > bindparam("gpus"),
    ),
)
# one after the other: each is found by its state
_WAIT_FOR_MORE = tuple(
    Prepared(select(jobs.c.id).where(waiting, _LONGER_AND_MORE).limit(1)) for waiting in (IN_LINE, RETRYING)
)
_KEPT = "what is free is kept for a larger job that waits longer"


class Leases:
    """What is given to whom: each CPU and GPU to one run at a time."""

    def __init__(self, capacity: Capacity, in_use: Sequence[Any]) -> None:
        self.free = capacity.total
        for row in in_use:
            self.free -= demand_of(row)
        self._cpus = _without(capacity.cpus, (row.cpu_list for row in in_use))
        self._gpus = _without(capacity.gpus, (row.gpu_list for row in in_use))

    def take(self, demand: Demand) -> dict[str, str]:
        """Return the indices that are leased from now on, as the columns of a run have them."""
        mine = {"cpu_list": self._cpus[: demand.cpus], "gpu_list": self._gpus[: demand.gpus]}
        del self._cpus[: demand.cpus], self._gpus[: demand.gpus]
        return {name: ",".join(map(str, indices)) for name, indices in mine.items()}


def leases(connection: Connection) -> Leases:
    """Return what is in use now."""
    return Leases(capacity(connection), _IN_USE.all(connection, {}))


def capacity(connection: Connection) -> Capacity:
    """Return what there is in all; the database was opened with it."""
    found: Capacity = connection.info[CAPACITY]
    return found


def demand_of(row: Any) -> Demand:
    """Return what a job's row asks for."""
    return Demand(row.cpus or 0, row.memory or 0, row.gpus or 0)


def shortage(connection: Connection, job: Row) -> str | None:
    """Say what a job that waits for resources lacks: `needs 2 GPUs, 1 is free`; None: nothing.

    To be asked of a job that could start otherwise.
    """
    demand = demand_of(job)
    if demand == NOTHING:
        return None
    there, free = capacity(connection).total, leases(connection).free
    for asked, left, most, kind in (
        (demand.cpus, free.cpus, there.cpus, "CPU"),
        (demand.gpus, free.gpus, there.gpus, "GPU"),
    ):
        if asked > most:
            return f"needs {_count(asked, kind)}, this machine has {_count(most, kind)} for jobs"
        if asked > left:
            return f"needs {_count(asked, kind)}, {_free(max(0, left))} free"
    if demand.memory > there.memory:
        wanted, size = apart(demand.memory, there.memory)
        return f"needs {wanted} of memory, this machine has {size} for jobs"
    if demand.memory > free.memory:
        wanted, size = apart(demand.memory, max(0, free.memory))
        return f"needs {wanted} of memory, {size} is free"
    return _KEPT if _is_passed_over(connection, job, free) else None


def _is_passed_over(connection: Connection, job: Row, free: Demand) -> bool:
    """Whether somebody waits for longer who does not fit: then what is free may be kept for that one."""
    values = {"due": job.due_at, "cpus": free.cpus, "memory": free.memory, "gpus": free.gpus}
    return any(query.first(connection, values) for query in _WAIT_FOR_MORE)


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}" + ("" if number == 1 else "s")


def _free(number: int) -> str:
    return f"{number} is" if number == 1 else f"{number or 'none'} are"


def _without(there: tuple[int, ...], lists: Iterable[str | None]) -> list[int]:
    taken = {int(index) for each in lists if each for index in each.split(",")}
    return [index for index in there if index not in taken]
