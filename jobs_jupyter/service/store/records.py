"""From rows to what goes over the wire.

The JSON is written straight from the columns, of which some hold JSON already: reading those, and making
dicts of all, takes four times as long, and every page of a list shows fifty jobs.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring_ascii
from operator import attrgetter
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
# rows of SQLAlchemy's as named tuples, whose attributes are found three times as fast
_JobRow: Any = namedtuple("_JobRow", jobs.c.keys())  # type: ignore[misc]
_RunRow: Any = namedtuple("_RunRow", runs.c.keys())  # type: ignore[misc]

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


def statuses(connection: Connection, rows: Sequence[Row]) -> list[str]:
    """Return these jobs as JobStatus, in JSON."""
    if len(rows) == 1:
        return [status(connection, rows[0], runs_of(connection, rows[0].id))]
    plain: list[Row] = list(map(_JobRow._make, rows))
    found: dict[str, list[Row]] = {row.id: [] for row in plain}
    its_runs: list[Row] = list(map(_RunRow._make, connection.execute(_RUNS_OF_ALL, {"jobs": list(found)})))
    for run in its_runs:
        found[run.job_id].append(run)
    return [status(connection, row, found[row.id]) for row in plain]


def status(connection: Connection, row: Row, its_runs: Sequence[Row]) -> str:
    """Return the job as JobStatus, in JSON, without what is not known of it."""
    members = _OF_STATUS.known(row)
    if (why := reason(connection, row)) is not None:
        members.append(f'"reason":{_text(why)}')
    return f'{{{",".join(members)},"runs":{_runs(its_runs)}}}'


def view(connection: Connection, row: Row, its_runs: Sequence[Row]) -> str:
    """Return the job as the feed shows it, in JSON: the same small shape whatever changed."""
    return view_with(connection, row, its_runs, reason(connection, row))


def view_with(connection: Connection, row: Row, its_runs: Sequence[Row], why: str | None) -> str:
    """Return the same with the job's reason, where that is known already."""
    members = _OF_VIEW.all(row)
    queue = line.label(connection, row.queue_id)
    archived = "false" if row.archived_at is None else "true"
    return (
        f'{{{",".join(members)},"reason":{_null_or(why)},"queue":{_null_or(queue)},"archived":{archived},'
        f'"runs":{_runs(its_runs[-VIEW_RUNS:])}}}'
    )


def reason(connection: Connection, row: Row) -> str | None:
    """Return why a job is where it is, in words: what was written down, and what it waits for now."""
    if row.due_at is None:
        return row.reason or None
    place = line.position(connection, row) if row.state == "STARTING" else None
    return "; ".join(filter(None, (row.reason, place or shortage(connection, row)))) or None


class _Members:
    """Columns of a row as members of a JSON object, each with what writes its value."""

    def __init__(self, **columns: Callable[[Any], str]) -> None:
        self._values = attrgetter(*columns)
        self._writers = [(f'"{name}":', write) for name, write in columns.items()]

    def known(self, row: Row) -> list[str]:
        """Return the members that have a value."""
        pairs = zip(self._writers, self._values(row), strict=True)
        return [key + write(value) for (key, write), value in pairs if value is not None]

    def all(self, row: Row) -> list[str]:
        """Return every member."""
        pairs = zip(self._writers, self._values(row), strict=True)
        return [key + (write(value) if value is not None else "null") for (key, write), value in pairs]


def _runs(rows: Sequence[Row]) -> str:
    return "[" + ",".join(["{" + ",".join(_OF_RUN.known(row)) + "}" for row in rows]) + "]"


def _null_or(text: str | None) -> str:
    return "null" if text is None else _text(text)


def _time(at: int) -> str:
    return f'"{iso(at)}"'


_text = encode_basestring_ascii
_number = repr
_as_stored = str

_COMMON: dict[str, Callable[[Any], str]] = {
    "id": _text,
    "name": _text,
    "project": _text,
    "cloud": _text,
    "creator_id": _text,
    "state": _text,
    "error": _as_stored,
    "exit_code": _number,
    "notices": _as_stored,
    "created_at": _time,
    "started_at": _time,
    "ended_at": _time,
    "tags": _as_stored,
    "max_runs": _number,
}
_OF_STATUS = _Members(
    **_COMMON, config=_as_stored, updated_at=_time, status_updated_at=_time, archived_at=_time
)
_OF_VIEW = _Members(**_COMMON, priority=_number)
_OF_RUN = _Members(
    name=_text,
    attempt=_number,
    state=_text,
    reason=_text,
    error=_as_stored,
    exit_code=_number,
    created_at=_time,
    started_at=_time,
    ended_at=_time,
    cpu_time_s=_number,
    peak_memory=_number,
)
