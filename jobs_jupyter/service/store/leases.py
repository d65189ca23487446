"""Who has which CPUs, memory and GPUs of this machine, and what a job lacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from jobs_jupyter.models.sizes import human
from jobs_jupyter.service.resources import NOTHING, Capacity, Demand
from jobs_jupyter.service.store.schema import RUN_ALIVE, jobs, runs

CAPACITY = "capacity"
_IN_USE = (
    select(runs.c.cpu_list, runs.c.gpu_list, jobs.c.cpus, jobs.c.memory, jobs.c.gpus)
    .join(jobs, jobs.c.id == runs.c.job_id)
    .where(RUN_ALIVE)
)


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
    return Leases(capacity(connection), connection.execute(_IN_USE).all())


def capacity(connection: Connection) -> Capacity:
    """Return what there is in all; the database was opened with it."""
    found: Capacity = connection.info[CAPACITY]
    return found


def demand_of(row: Any) -> Demand:
    """Return what a job's row asks for."""
    return Demand(row.cpus or 0, row.memory or 0, row.gpus or 0)


def shortage(connection: Connection, job: Row[Any]) -> str | None:
    """Say what a job that waits for resources lacks: `needs 2 GPUs, 1 is free`; None: nothing.

    To be asked of a job that could start otherwise.
    """
    demand = demand_of(job)
    if demand == NOTHING:
        return None
    there, free = capacity(connection).total, leases(connection).free
    for asked, left, most, kind in (
        (demand.cpus, free.cpus, there.cpus, "CPU"),
        (demand.memory, free.memory, there.memory, ""),
        (demand.gpus, free.gpus, there.gpus, "GPU"),
    ):
        needs = f"needs {_count(asked, kind)}" if kind else f"needs {human(asked)} of memory"
        if asked > most:
            return f"{needs}, this machine has {_count(most, kind) if kind else human(most)} for jobs"
        if asked > left:
            return f"{needs}, {_free(max(0, left), kind)} free"
    return f"needs {_count(demand.cpus, 'CPU')}: what is free is kept for a larger job that waits longer"


def _count(number: int, kind: str) -> str:
    return f"{number} {kind}" + ("" if number == 1 else "s")


def _free(number: int, kind: str) -> str:
    if not kind:
        return f"{human(number)} is"
    return f"{number} is" if number == 1 else f"{number or 'none'} are"


def _without(there: tuple[int, ...], lists: Iterable[str | None]) -> list[int]:
    taken = {int(index) for each in lists if each for index in each.split(",")}
    return [index for index in there if index not in taken]
