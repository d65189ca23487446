"""What may start now: a pure function of what waits.

Queues and resources will narrow it; today a job may start as soon as it is due.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """A job that waits for a run, and when that run is due, in microseconds."""

    job_id: str
    due_at: int


@dataclass(frozen=True)
class Plan:
    """The jobs to start now, in order, and when to look again (None: when something changes)."""

    start: tuple[str, ...]
    look_again_at: int | None


def plan(waiting: Iterable[Waiting], now: int) -> Plan:
    """Start what is due, the longest due first."""
    ordered = sorted(waiting, key=lambda job: (job.due_at, job.job_id))
    due = tuple(job.job_id for job in ordered if job.due_at <= now)
    later = [job.due_at for job in ordered if job.due_at > now]
    return Plan(due, min(later, default=None))
