"""What may start now: a pure function of what waits and of the queues.

A job without a queue may start as soon as it is due. In a queue, `max_concurrency` jobs have a
place at once; a job takes its place with its first run and keeps it until it is terminal, between
its retries too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """A job that waits for a run.

    `arrived_at` and `due_at` are in microseconds; `has_place` is for one that has run before.
    """

    job_id: str
    arrived_at: int
    due_at: int
    queue_id: str | None = None
    priority: int | None = None
    has_place: bool = False


@dataclass(frozen=True)
class Queue:
    """A queue as the scheduler sees it: `taken` counts the jobs that have a place.

    `renewing`: its cluster has run all the jobs that it may, and is replaced once it is empty.
    """

    mode: str
    max_concurrency: int
    taken: int
    renewing: bool = False


@dataclass(frozen=True)
class Plan:
    """The jobs to start now, in order, and when to look again (None: when something changes)."""

    start: tuple[Waiting, ...]
    look_again_at: int | None


def plan(waiting: Iterable[Waiting], queues: Mapping[str, Queue], now: int) -> Plan:
    """Start what is due and has a place."""
    start: list[Waiting] = []
    later: list[int] = []
    lines: dict[str, list[Waiting]] = {}
    for job in waiting:
        if job.queue_id is not None and not job.has_place:
            lines.setdefault(job.queue_id, []).append(job)
        elif job.due_at <= now:
            start.append(job)
        else:
            later.append(job.due_at)
    for queue_id, line in lines.items():
        start += in_order(line, queues[queue_id].mode)[: _free(queues[queue_id])]
    start.sort(key=lambda job: (job.due_at, job.job_id))
    return Plan(tuple(start), min(later, default=None))


def in_order(line: Iterable[Waiting], mode: str) -> list[Waiting]:
    """Return the jobs that wait in a queue in the order in which they will start."""
    if mode == "LIFO":
        return sorted(line, key=lambda job: (-job.arrived_at, job.job_id))
    if mode == "PRIORITY":
        return sorted(line, key=lambda job: (job.priority is None, job.priority, job.arrived_at, job.job_id))
    return sorted(line, key=lambda job: (job.arrived_at, job.job_id))


def _free(queue: Queue) -> int:
    if queue.renewing and queue.taken:
        return 0
    return max(0, queue.max_concurrency - queue.taken)
