"""What a transaction notes for those who act on it once it is committed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

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
    """

    touched: set[str | None] = field(default_factory=set)
    events: list[Told] = field(default_factory=list)
    timed: bool = False


def begin(connection: Connection) -> Notes:
    """Begin a transaction's notes."""
    notes = connection.info[_NOTES] = Notes()
    return notes


def of(connection: Connection) -> Notes:
    """Return the notes of the transaction."""
    info: dict[str, Any] = connection.info
    found: Notes = info.get(_NOTES) or begin(connection)
    return found
