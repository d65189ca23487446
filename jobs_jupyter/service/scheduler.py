"""What may start now: a pure function of what waits, of the queues, and of what is free.

In a queue, `max_concurrency` jobs have a place at once; a job takes its place with its first run and
keeps it until it is terminal, between its retries too. A job without a queue needs no place. Whoever
asks for resources also waits until they are free, which between two runs of a job they are.

Of those that could start, the one that waits longest is first. One that does not fit lets smaller ones
pass for `HOLD_AFTER_S`; from then on what it asks for is held for it, so that it starts in the end.
Within a queue nobody passes: its order is what a queue is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.resources import NOTHING, Demand

HOLD_AFTER_S = 30
_NO_PRIORITY = 2**63


@dataclass(frozen=True)
class Waiting:
    """A job that waits for a run.

    Its turn in its queue's line is the lowest (rank, turn, job_id) first, see `turn_of`. `due_at` is in
    microseconds; `has_place` is for one that has run before.
    """

    job_id: str
    due_at: int
    queue_id: str | None = None
    rank: int = 0
    turn: int = 0
    has_place: bool = False
    demand: Demand = NOTHING


@dataclass(frozen=True)
class Queue:
    """A queue as the scheduler sees it: `taken` counts the jobs that have a place.

    `left`: how many more jobs its cluster may run; None: any number. At 0 the cluster is replaced
    once it is empty.
    """

    max_concurrency: int
    taken: int
    left: int | None = None

    @property
    def places(self) -> int:
        """How many more jobs may have a place now."""
        free = max(0, self.max_concurrency - self.taken)
        return free if self.left is None else min(free, self.left)

    def after(self, started: int) -> Queue:
        """Return the queue once so many more have a place."""
        left = None if self.left is None else self.left - started
        return Queue(self.max_concurrency, self.taken + started, left)


@dataclass(frozen=True)
class Plan:
    """The jobs to start now, in order; those that only lack resources; and when to look again.

    `look_again_at` is in microseconds; None: when something changes.
    """

    start: tuple[Waiting, ...]
    short: tuple[Waiting, ...]
    look_again_at: int | None


def turn_of(mode: str, priority: int | None, arrived_at: int) -> tuple[int, int]:
    """Return (rank, turn): whoever has the lowest starts first, whatever the queue's mode.

    Both are whole numbers of 64 bits with a sign, for any priority below 2^63.
    """
    rank = priority - _NO_PRIORITY if mode == "PRIORITY" and priority is not None else 0
    return rank, -arrived_at if mode == "LIFO" else arrived_at


def plan(
    waiting: Iterable[Waiting], queues: Mapping[str, Queue], free: Demand, capacity: Demand, now: int
) -> Plan:
    """Start what is due, has a place, and fits into what is free; `capacity` is what there is in all."""
    ready: list[tuple[int, Waiting]] = []
    later: list[int] = []
    lines: dict[str, list[Waiting]] = {}
    for job in waiting:
        if job.due_at > now:
            later.append(job.due_at)
        elif job.queue_id is None or job.has_place:
            ready.append((job.due_at, job))
        else:
            lines.setdefault(job.queue_id, []).append(job)
    for queue_id, line in lines.items():
        since = 0
        for job in sorted(line, key=_turn)[: queues[queue_id].places]:
            since = max(since, job.due_at)  # nobody before those ahead of it in its line
            ready.append((since, job))
    start, short = _admit([job for _, job in sorted(ready, key=lambda pair: pair[0])], free, capacity, now)
    return Plan(start, short, min(later, default=None))


def _admit(
    ready: Iterable[Waiting], free: Demand, capacity: Demand, now: int
) -> tuple[tuple[Waiting, ...], tuple[Waiting, ...]]:
    """Split those that could start into those that fit and those that lack resources."""
    start: list[Waiting] = []
    short: list[Waiting] = []
    stuck: set[str | None] = set()
    for job in ready:
        in_line = job.queue_id is not None and not job.has_place
        if in_line and job.queue_id in stuck:
            short.append(job)
        elif job.demand.fits(free):
            start.append(job)
            free -= job.demand
        else:
            short.append(job)
            if in_line:
                stuck.add(job.queue_id)
            if now - job.due_at >= HOLD_AFTER_S * SECOND and job.demand.fits(capacity):
                free -= job.demand
    return tuple(start), tuple(short)


def _turn(job: Waiting) -> tuple[int, int, str]:
    return job.rank, job.turn, job.job_id
