"""From rows to what goes over the wire."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from jobs_jupyter.models.errors import JobNotFoundError
from jobs_jupyter.models.spelling import nearest_few
from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.store import line
from jobs_jupyter.service.store.leases import shortage
from jobs_jupyter.service.store.prepared import Prepared, Row
from jobs_jupyter.service.store.schema import jobs, runs

TERMINAL = ("SUCCEEDED", "FAILED", "TERMINATED")
ALIVE = ("STARTING", "RUNNING")
VIEW_RUNS = 50
SUGGESTIONS_FROM, SUGGESTIONS = 1000, 3
_COMMON = (
    "id",
    "name",
    "project",
    "cloud",
    "creator_id",
    "state",
    "reason",
    "error",
    "exit_code",
    "notices",
    "created_at",
    "started_at",
    "ended_at",
    "tags",
    "max_runs",
)

_JOB = Prepared(select(jobs).where(jobs.c.id == bindparam("job")))
_RUNS_OF_ONE = Prepared(select(runs).where(runs.c.job_id == bindparam("job")).order_by(runs.c.attempt))
# built once: building a statement costs more than running it
_RUNS_OF_ALL = (
    select(runs).where(runs.c.job_id.in_(bindparam("jobs", expanding=True))).order_by(runs.c.attempt)
)


def job_row(connection: Connection, job_id: str) -> Row | None:
    """Return the job's row, archived or not."""
    return _JOB.first(connection, {"job": job_id})


def require(connection: Connection, job_id: str) -> Row:
    """Return the job's row; where there is none, say so with what may have been meant."""
    row = job_row(connection, job_id)
    if row is not None:
        return row
    text = f"There is no job with the id {job_id!r}."
    if connection.execute(select(jobs.c.id).where(jobs.c.name == job_id).limit(1)).first():
        raise JobNotFoundError(f"{text} A job has that name: pass name={job_id!r} instead.")
    newest = select(jobs.c.id).order_by(jobs.c.created_at.desc()).limit(SUGGESTIONS_FROM)
    near = nearest_few(job_id, connection.execute(newest).scalars(), SUGGESTIONS)
    raise JobNotFoundError(text + (f" The nearest ids: {', '.join(near)}." if near else ""))


def runs_of(connection: Connection, job_id: str) -> Sequence[Row]:
    """Return the runs of a job, oldest first."""
    return _RUNS_OF_ONE.all(connection, {"job": job_id})


def statuses(connection: Connection, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return these jobs as JobStatus dicts."""
    if len(rows) == 1:
        return [status(connection, rows[0], runs_of(connection, rows[0].id))]
    found: dict[str, list[Row]] = {row.id: [] for row in rows}
    for run in connection.execute(_RUNS_OF_ALL, {"jobs": list(found)}):
        found[run.job_id].append(run)
    return [status(connection, row, found[row.id]) for row in rows]


def status(connection: Connection, row: Row, its_runs: Sequence[Row]) -> dict[str, Any]:
    """Return the job as a JobStatus dict."""
    return status_of(_common(connection, row), row, its_runs)


def status_of(common: dict[str, Any], row: Row, its_runs: Sequence[Row]) -> dict[str, Any]:
    """Return the job as a JobStatus dict; `common` is its view, or what of it a status has too."""
    full = {
        **{name: common[name] for name in _COMMON},
        "config": json.loads(row.config),
        "runs": [_run(run) for run in its_runs],
        "updated_at": iso(row.updated_at),
        "status_updated_at": iso(row.status_updated_at),
        "archived_at": iso(row.archived_at),
    }
    return {key: value for key, value in full.items() if value is not None}


def view(connection: Connection, row: Row, its_runs: Sequence[Row]) -> dict[str, Any]:
    """Return the job as the feed shows it: the same small shape whatever changed."""
    return {
        **_common(connection, row),
        "queue": line.label(connection, row.queue_id),
        "priority": row.priority,
        "archived": row.archived_at is not None,
        "runs": [_run(run) for run in its_runs[-VIEW_RUNS:]],
    }


def _common(connection: Connection, row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "project": row.project,
        "cloud": row.cloud,
        "creator_id": row.creator_id,
        "state": row.state,
        "reason": "; ".join(filter(None, (row.reason, _why_it_waits(connection, row)))) or None,
        "error": json.loads(row.error) if row.error else None,
        "exit_code": row.exit_code,
        "notices": json.loads(row.notices) if row.notices else None,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "tags": json.loads(row.tags),
        "max_runs": row.max_runs,
    }


def _why_it_waits(connection: Connection, row: Row) -> str | None:
    if row.due_at is None:
        return None
    place = line.position(connection, row) if row.state == "STARTING" else None
    return place or shortage(connection, row)


def _run(row: Row) -> dict[str, Any]:
    full = {
        "name": row.name,
        "attempt": row.attempt,
        "state": row.state,
        "reason": row.reason,
        "error": json.loads(row.error) if row.error else None,
        "exit_code": row.exit_code,
        "created_at": iso(row.created_at),
        "started_at": iso(row.started_at),
        "ended_at": iso(row.ended_at),
        "cpu_time_s": row.cpu_time_s,
        "peak_memory": row.peak_memory,
    }
    return {key: value for key, value in full.items() if value is not None}
