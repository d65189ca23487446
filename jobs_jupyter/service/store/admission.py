"""What starts is decided within the transaction that makes it possible.

Whoever frees a place or adds a job says which line that touched; at the end of the transaction
those lines are looked at, and the runs that may start are written down with it. So there is one
durable step where there would be two, and no moment in which a place is free and nobody has it.

Of a line, only those are read that could have a place now, `LOOK_AHEAD` at most; of the jobs without a
queue as many, and as many of each demand where there are more. A line whose first
jobs lack nothing but resources is remembered, so that it is their turn when something becomes free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from jobs_jupyter.service.clock import SECOND, Clock
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.resources import NOTHING, Capacity
from jobs_jupyter.service.scheduler import Queue, Waiting, plan
from jobs_jupyter.service.store import line, noted, runs
from jobs_jupyter.service.store.leases import Leases, demand_of, leases
from jobs_jupyter.service.store.prepared import Prepared
from jobs_jupyter.service.store.schema import IN_LINE, RETRYING, jobs

LOOK_AHEAD = 64
DECIDE_AGAIN_S = 5


@dataclass(frozen=True)
class Decision:
    """What a transaction has started, and when to decide again without a change, in microseconds."""

    launches: tuple[Launch, ...] = ()
    look_again_at: int | None = None


@dataclass(frozen=True)
class Line:
    """The jobs at the head of a line; `queue` is None for the jobs without one."""

    queue: Queue | None
    waiting: tuple[Waiting, ...]


class Admission:
    """Decides at the end of each transaction what starts with it."""

    def __init__(self, capacity: Capacity, boot_id: str, clock: Clock) -> None:
        self._capacity = capacity
        self._boot_id = boot_id
        self._clock = clock
        self._lines: dict[str | None, Line] = {}
        self._retries: list[Waiting] = []
        self._idle_at: int | None = None
        self._unread: set[str | None] = set()
        self._knows_nothing = True

    def forget(self) -> Decision:
        """A transaction or a decision was rolled back: look at all lines the next time.

        What stands for a decision that failed: nothing starts, and after a pause it is made again.
        """
        self._knows_nothing = True
        return Decision(look_again_at=self._clock.now() + DECIDE_AGAIN_S * SECOND)

    def __call__(self, connection: Connection) -> Decision | None:
        """Write down the runs that may start now; None where nothing has changed for anybody who waits."""
        notes = noted.of(connection)
        if not (notes.touched or notes.timed or self._unread or self._knows_nothing):
            return None
        now = self._clock.now()
        self._look(connection, notes)
        waiting = [*self._retries, *(job for each in self._lines.values() for job in each.waiting)]
        places = {queue_id: each.queue for queue_id, each in self._lines.items() if queue_id and each.queue}
        asking = any(job.demand != NOTHING for job in waiting)
        given = leases(connection) if asking else Leases(self._capacity, ())
        decided = plan(waiting, places, given.free, self._capacity.total, now)
        begun = [runs.begin_run(connection, job.job_id, self._boot_id, given, now) for job in decided.start]
        launches = [launch for launch in begun if launch is not None]
        if len(launches) < len(begun):  # somebody who waits no longer had what others could have
            self._knows_nothing = True
        more = self._keep({job.job_id for job in decided.start})
        at = [now if more else None, decided.look_again_at, self._idle_at]
        return Decision(tuple(launches), min((t for t in at if t is not None), default=None))

    def _look(self, connection: Connection, notes: noted.Notes) -> None:
        """Read the lines that were touched since the last decision, and what waits for a time."""
        if notes.timed or self._knows_nothing:
            self._retries = list(_heads(connection, _RETRYING, _FIRST_RETRYING))
            self._idle_at = _NEXT_IDLE.scalar(connection, {})
        unread = self._unread | notes.touched
        if self._knows_nothing:
            self._lines = {}
            unread = {row.queue_id for row in _LINES.all(connection, {})}
        for queue_id in unread:
            self._lines[queue_id] = _read(connection, queue_id)
        self._unread, self._knows_nothing = set(), False

    def _keep(self, started: set[str]) -> bool:
        """Remember those who still lack resources; returns whether there may be more to start at once."""
        retries = [job for job in self._retries if job.job_id not in started]
        if len(self._retries) >= LOOK_AHEAD and len(self._retries) > len(retries):
            self._knows_nothing = True
        self._retries = retries
        for queue_id, known in list(self._lines.items()):
            left = tuple(job for job in known.waiting if job.job_id not in started)
            gone = len(known.waiting) - len(left)
            if gone and len(known.waiting) >= LOOK_AHEAD:
                self._unread.add(queue_id)
            if not left:
                del self._lines[queue_id]
            elif gone:
                self._lines[queue_id] = Line(known.queue and known.queue.after(gone), left)
        return bool(self._unread) or self._knows_nothing


def _read(connection: Connection, queue_id: str | None) -> Line:
    if queue_id is None:
        return Line(None, _heads(connection, _WITHOUT_QUEUE, _FIRST_WITHOUT_QUEUE))
    row = line.row_of(connection, queue_id)
    if row is None:
        return Line(None, ())
    queue = line.as_seen(connection, row)
    if not queue.places:
        return Line(queue, ())
    head = _HEAD.all(connection, {"queue": queue_id, "most": min(queue.places, LOOK_AHEAD)})
    return Line(queue, tuple(map(_waiting, head)))


def _heads(connection: Connection, query: Select[Any], limited: Prepared) -> tuple[Waiting, ...]:
    """Return the first of those who wait; where that is not all, the first of each demand.

    So nobody who fits is hidden behind those that don't.
    """
    first = limited.all(connection, {})
    if len(first) == LOOK_AHEAD:
        columns = (jobs.c.cpus, jobs.c.memory, jobs.c.gpus)
        for demand in connection.execute(query.order_by(None).with_only_columns(*columns).distinct()).all():
            same = (column.is_not_distinct_from(asked) for column, asked in zip(columns, demand, strict=True))
            first += connection.execute(query.where(*same).limit(LOOK_AHEAD))
    return tuple({row.id: _waiting(row) for row in first}.values())


def _waiting(row: Any) -> Waiting:
    return Waiting(
        job_id=row.id,
        due_at=row.due_at,
        queue_id=row.queue_id,
        rank=row.rank,
        turn=row.turn,
        has_place=row.state == "RUNNING",
        demand=demand_of(row),
    )


# built once: building a statement costs more than running it
_JOB = select(
    jobs.c.id,
    jobs.c.state,
    jobs.c.due_at,
    jobs.c.queue_id,
    jobs.c.rank,
    jobs.c.turn,
    jobs.c.cpus,
    jobs.c.memory,
    jobs.c.gpus,
)
_IN_ORDER = _JOB.where(IN_LINE).order_by(jobs.c.rank, jobs.c.turn, jobs.c.id)
_WITHOUT_QUEUE = _IN_ORDER.where(jobs.c.queue_id.is_(None))
_HEAD = Prepared(_IN_ORDER.where(jobs.c.queue_id == bindparam("queue")).limit(bindparam("most")))
_RETRYING = _JOB.where(RETRYING).order_by(jobs.c.due_at)
_FIRST_WITHOUT_QUEUE, _FIRST_RETRYING = (
    Prepared(query.limit(LOOK_AHEAD)) for query in (_WITHOUT_QUEUE, _RETRYING)
)
_LINES = Prepared(select(jobs.c.queue_id).where(IN_LINE).distinct())
_NEXT_IDLE = Prepared(select(func.min(line.IDLE_UNTIL)).where(line.IDLE))
