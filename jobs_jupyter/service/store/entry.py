"""A job's row is written together with the event that tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from jobs_jupyter.service.store import line, noted
from jobs_jupyter.service.store.prepared import Prepared, Row
from jobs_jupyter.service.store.records import runs_of, view
from jobs_jupyter.service.store.schema import events, jobs, tags

NO_TAGS = "{}"

_ADD_EVENT = Prepared(insert(events).returning(events.c.seq))
_SET_TAGS = Prepared(update(tags).where(tags.c.job_id == bindparam("job")))
_SET_JOB = Prepared(update(jobs).where(jobs.c.id == bindparam("job")).returning(*jobs.c))


def finish(
    connection: Connection,
    job: Row,
    state: str,
    now: int,
    its_runs: Sequence[Row] | None = None,
    **values: Any,
) -> None:
    """The job is terminal."""
    if job.state == "RUNNING" and job.due_at is not None:  # its retry will not be
        line.due(connection)
    values = {"reason": None, "error": None, "exit_code": None, **values}
    job = set_state(connection, job, state, now, ended_at=now, due_at=None, **values)
    publish(connection, job, its_runs, "state", now)
    line.leave(connection, job.queue_id, now)


def set_state(connection: Connection, job: Row, state: str, now: int, **values: Any) -> Row:
    """Set a job's state and other columns; returns the row. The caller tells the event."""
    if job.tags != NO_TAGS:
        _SET_TAGS.run(connection, {"job": job.id, "state": state})
    return set_job(connection, job.id, now, state=state, status_updated_at=now, **values)


def set_job(connection: Connection, job_id: str, now: int, **values: Any) -> Row:
    """Set columns of a job; returns the row. The caller tells the event."""
    return _SET_JOB.one(connection, {"job": job_id, "updated_at": now, **values})


def publish(connection: Connection, job: Row, its_runs: Sequence[Row] | None, kind: str, now: int) -> None:
    """Write down an event with its view of the job; `its_runs` where they are known."""
    shown = view(connection, job, runs_of(connection, job.id) if its_runs is None else its_runs)
    tell(connection, job.id, kind, shown, now)


def tell(connection: Connection, job_id: str, kind: str, shown: str, now: int) -> None:
    """Write down an event of a job and note it for those who listen; `shown` is its view, as JSON."""
    seq = _ADD_EVENT.scalar(connection, {"job_id": job_id, "kind": kind, "at": now, "view": shown})
    noted.of(connection).events.append(noted.Told(seq, job_id, kind, now, shown))
