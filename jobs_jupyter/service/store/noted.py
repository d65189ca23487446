"""What a transaction notes for those who act on it once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from jobs_jupyter.service.store.prepared import Row

_NOTES = "notes"


class Told(NamedTuple):
    """An event of the feed: its number, the job, the kind of change, when (microseconds), the view (JSON)."""

    seq: int
    job_id: str
    kind: str
    at: int
    view: str


@dataclass
class Notes:
    """The lines in which more may be able to start (None: of the jobs without a queue), and the events.

    `timed`: what waits for a time, a retry or an idle cluster, is not what it was, or may be due by now.
    `queues`: rows as they are now; the changes of a transaction ask for the same one many times. None where
    nobody takes care of that.
    """

    touched: set[str | None] = field(default_factory=set)
    events: list[Told] = field(default_factory=list)
    timed: bool = False
    queues: dict[str, Row | None] | None = None


def begin(connection: Connection) -> Notes:
    """Begin the notes of one of the writer's transactions."""
    notes = connection.info[_NOTES] = Notes(queues={})
    return notes


def of(connection: Connection) -> Notes:
    """Return the notes of the transaction."""
    info: dict[str, Any] = connection.info
    found: Notes = info.setdefault(_NOTES, Notes())
    return found


def forget(connection: Connection, queue_id: str) -> None:
    """The row of a queue is not what it was."""
    kept = of(connection).queues
    if kept is not None:
        kept.pop(queue_id, None)
