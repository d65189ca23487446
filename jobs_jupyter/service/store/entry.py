"""A job's row is written together with the event that tells of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, update

from jobs_jupyter.service.store import line, noted
from jobs_jupyter.service.store.records import runs_of, view
from jobs_jupyter.service.store.schema import events, jobs, tags

NO_TAGS = "{}"

# built once: building a statement costs more than running it
_ADD_EVENT = insert(events)
_SET_TAGS = update(tags).where(tags.c.job_id == bindparam("job"))
_SET_JOB = update(jobs).where(jobs.c.id == bindparam("job")).returning(*jobs.c)


def finish(
    connection: Connection,
    job: Row[Any],
    state: str,
    now: int,
    its_runs: Sequence[Row[Any]] | None = None,
    **values: Any,
) -> None:
    """The job is terminal."""
    if job.state == "RUNNING" and job.due_at is not None:  # its retry will not be
        line.due(connection)
    values = {"reason": None, "error": None, "exit_code": None, **values}
    job = set_state(connection, job, state, now, ended_at=now, due_at=None, **values)
    publish(connection, job, its_runs, "state", now)
    line.leave(connection, job.queue_id, now)


def set_state(connection: Connection, job: Row[Any], state: str, now: int, **values: Any) -> Row[Any]:
    """Set a job's state and other columns; returns the row. The caller tells the event."""
    if job.tags != NO_TAGS:
        connection.execute(_SET_TAGS, {"job": job.id, "state": state})
    return set_job(connection, job.id, now, state=state, status_updated_at=now, **values)


def set_job(connection: Connection, job_id: str, now: int, **values: Any) -> Row[Any]:
    """Set columns of a job; returns the row. The caller tells the event."""
    row: Row[Any] = connection.execute(_SET_JOB, {"job": job_id, "updated_at": now, **values}).one()
    return row


def publish(
    connection: Connection, job: Row[Any], its_runs: Sequence[Row[Any]] | None, kind: str, now: int
) -> dict[str, Any]:
    """Write down an event and return its view of the job; `its_runs` where they are known."""
    shown = view(connection, job, runs_of(connection, job.id) if its_runs is None else its_runs)
    tell(connection, job.id, kind, json.dumps(shown, separators=(",", ":")), now)
    return shown


def tell(connection: Connection, job_id: str, kind: str, shown: str, now: int) -> None:
    """Write down an event of a job and note it for those who listen; `shown` is its view, as JSON."""
    added = connection.execute(_ADD_EVENT, {"job_id": job_id, "kind": kind, "at": now, "view": shown})
    (seq,) = added.inserted_primary_key or (0,)
    noted.of(connection).events.append(noted.Told(seq, job_id, kind, now, shown))
