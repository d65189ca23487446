"""Every question that the service asks of the database."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    tuple_,
    union_all,
)

from jobs_jupyter.models.errors import InvalidRequestError, JobNotFoundError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.spelling import nearest_few
from jobs_jupyter.service.store.prepared import Row
from jobs_jupyter.service.store.records import (
    ALIVE,
    SUGGESTIONS,
    SUGGESTIONS_FROM,
    TERMINAL,
    reason,
    require,
    runs_of,
    statuses,
    view,
    view_with,
)
from jobs_jupyter.service.store.schema import events, jobs, runs, tags
from jobs_jupyter.service.store.shelf import Shelf

SORT_COLUMNS = {
    "STATUS": jobs.c.state,
    "CREATED_AT": jobs.c.created_at,
    "LAST_UPDATED_AT": jobs.c.updated_at,
    "LAST_STATUS_UPDATED_AT": jobs.c.status_updated_at,
    "ENDED_AT": jobs.c.ended_at,
    "NAME": jobs.c.name,
    "ID": jobs.c.id,
}


@dataclass(frozen=True)
class Listing:
    """The filters, order and place of one page of jobs. Times are in microseconds, inclusive."""

    creator_id: str | None = None
    name: str | None = None
    job_id: str | None = None
    project: str | None = None
    cloud: str | None = None
    include_archived: bool = False
    states: tuple[str, ...] | None = None
    tags: dict[str, list[str]] = field(default_factory=dict)
    between: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    sort_field: str = "CREATED_AT"
    descending: bool = True
    page_size: int = 50
    cursor: str | None = None

    def __hash__(self) -> int:
        return hash(repr(self))


def view_of(connection: Connection, job_id: str) -> str:
    """Return one job as the feed shows it, in JSON."""
    return view(connection, require(connection, job_id), runs_of(connection, job_id))


def find(connection: Connection, name: str, project: str, include_archived: bool) -> str:
    """Return the newest job of that name in a project, or name the nearest ones."""
    query = select(jobs).where(jobs.c.project == project, jobs.c.name == name)
    if not include_archived:
        query = query.where(jobs.c.archived_at.is_(None))
    row = connection.execute(query.order_by(jobs.c.created_at.desc()).limit(1)).one_or_none()
    if row is not None:
        return statuses(connection, [row])[0]
    raise JobNotFoundError(_not_found(connection, name, project))


def _not_found(connection: Connection, name: str, project: str) -> str:
    query = select(jobs.c.name, jobs.c.archived_at).where(jobs.c.project == project)
    recent = connection.execute(query.order_by(jobs.c.created_at.desc()).limit(SUGGESTIONS_FROM)).all()
    if any(row.name == name for row in recent):
        return (
            f"The job {name!r} in the project {project!r} is archived; pass include_archived=True to find it."
        )
    known = list(dict.fromkeys(row.name for row in recent if row.archived_at is None))
    text = f"There is no job named {name!r} in the project {project!r}."
    if near := nearest_few(name, known, SUGGESTIONS):
        return f"{text} The nearest names: {', '.join(near)}."
    return f"{text} Its newest: {', '.join(known[:SUGGESTIONS])}." if known else f"{text} It has no jobs."


def by_id(connection: Connection, job_id: str) -> str:
    """Return one job's status in JSON, archived or not."""
    return statuses(connection, [require(connection, job_id)])[0]


def by_key(connection: Connection, key: str | None) -> str | None:
    """Return the job that a submit with this idempotency key made; None: there is none."""
    if key is None:
        return None
    rows = connection.execute(select(jobs).where(jobs.c.idempotency_key == key)).all()
    return next(iter(statuses(connection, rows)), None)


def page(connection: Connection, listing: Listing, shelf: Shelf) -> tuple[list[str], str | None]:
    """Return the JSON of each job of one page, and the cursor of the next page, None at the end."""
    column = SORT_COLUMNS[listing.sort_field]
    rows = connection.execute(_query(listing)).all()
    shown = rows[: listing.page_size]
    following = None
    if len(rows) > len(shown):
        following = _encode([getattr(shown[-1], column.key), shown[-1].id])
    return _texts(connection, shown, shelf), following


@lru_cache(256)
def _query(listing: Listing) -> Select[Any]:
    """Return the query for a page; building one costs as much as running it."""
    column = SORT_COLUMNS[listing.sort_field]
    return _by_creation(listing) if column is jobs.c.created_at else _by(column, listing)


def _texts(connection: Connection, rows: Sequence[Row], shelf: Shelf) -> list[str]:
    found = shelf.find(rows)
    missing = [row for row, text in zip(rows, found, strict=True) if text is None]
    made = statuses(connection, missing) if missing else []
    shelf.keep(missing, made)
    texts = iter(made)
    return [next(texts) if text is None else text for text in found]


def _by_creation(listing: Listing) -> Select[Any]:
    """Return the query for a page sorted by creation.

    Each state, and each value of a tag in each state, has a part of an index in which the page lies
    ready: it is read from every part that is asked for, and merged.
    """
    parts = [_bounded(part, at, job_id, listing) for part, at, job_id in _parts(listing)]
    if len(parts) == 1:
        return parts[0]
    merged = union_all(*(select(part.subquery()) for part in parts)).subquery()
    return _bounded(select(merged), merged.c.created_at, merged.c.id, listing)


def _parts(listing: Listing) -> list[tuple[Select[Any], Any, Any]]:
    """Return queries of which each job is in one at most, with the columns that say when and which."""
    states = dict.fromkeys(listing.states or ())
    if not listing.tags:
        query = _filtered(replace(listing, states=None))
        chosen = [query.where(jobs.c.state == state) for state in states] or [query]
        return [(part, jobs.c.created_at, jobs.c.id) for part in chosen]
    (key, values), *others = listing.tags.items()
    query = _filtered(replace(listing, states=None, tags=dict(others)))
    tagged = query.join(tags, tags.c.job_id == jobs.c.id).where(tags.c.key == key)
    found = []
    for value in dict.fromkeys(values):
        part = tagged.where(tags.c.value == value)
        chosen = [part.where(tags.c.state == state) for state in states] or [part]
        found += [(each, tags.c.created_at, tags.c.job_id) for each in chosen]
    return found


def _bounded(query: Select[Any], at: Any, job_id: Any, listing: Listing) -> Select[Any]:
    """Return what of a query is on the page, in its order, and one more."""
    if listing.cursor is not None:
        behind, place = tuple_(at, job_id), tuple_(*_decode(listing.cursor))
        query = query.where(behind < place if listing.descending else behind > place)
    order = (at.desc(), job_id.desc()) if listing.descending else (at.asc(), job_id.asc())
    return query.order_by(*order).limit(listing.page_size + 1)


def _by(column: Any, listing: Listing) -> Select[Any]:
    """Return the query for a page sorted by another column."""
    query = _filtered(listing)
    if listing.cursor is not None:
        query = query.where(_behind(column, listing))
    key, tie = (column.desc(), jobs.c.id.desc()) if listing.descending else (column.asc(), jobs.c.id.asc())
    return query.order_by(*_nulls_last(column), key, tie).limit(listing.page_size + 1)


def _filtered(listing: Listing) -> Select[Any]:
    query = select(jobs)
    exact: dict[Any, str | None] = {
        jobs.c.creator_id: listing.creator_id,
        jobs.c.name: listing.name,
        jobs.c.id: listing.job_id,
        jobs.c.project: listing.project,
        jobs.c.cloud: listing.cloud,
    }
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if not listing.include_archived:
        query = query.where(jobs.c.archived_at.is_(None))
    if listing.states is not None:
        query = query.where(jobs.c.state.in_(listing.states))
    for key, values in listing.tags.items():
        query = query.where(
            jobs.c.id.in_(select(tags.c.job_id).where(tags.c.key == key, tags.c.value.in_(values)))
        )
    for name, (low, high) in listing.between.items():
        if low is not None:
            query = query.where(jobs.c[name] >= low)
        if high is not None:
            query = query.where(jobs.c[name] <= high)
    return query


def _nulls_last(column: Any) -> list[Any]:
    return [column.is_(None)] if column.nullable else []


def _behind(column: Any, listing: Listing) -> ColumnElement[bool]:
    """Whether a job comes after the cursor's, in the listing's order."""
    value, job_id = _decode(listing.cursor or "")
    tie = jobs.c.id < job_id if listing.descending else jobs.c.id > job_id
    if value is None:
        return and_(column.is_(None), tie)
    further = column < value if listing.descending else column > value
    return or_(further, and_(column == value, tie), column.is_(None) if column.nullable else false())


def _encode(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _decode(cursor: str) -> tuple[Any, str]:
    try:
        value, job_id = json.loads(base64.urlsafe_b64decode(cursor))
        if not isinstance(value, int | str | None) or not isinstance(job_id, str):
            raise ValueError(value)
    except (ValueError, TypeError):
        raise InvalidRequestError(f"{cursor!r} is not a cursor of this service.") from None
    return value, job_id


def in_line(connection: Connection, job_ids: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return id, reason and view of those of these jobs that wait for their turn, as they are now."""
    rows = connection.execute(select(jobs).where(jobs.c.id.in_(job_ids), jobs.c.due_at.is_not(None)))
    found = [(row, reason(connection, row)) for row in rows]
    return [
        (row.id, why or "", view_with(connection, row, runs_of(connection, row.id), why))
        for row, why in found
    ]


def active_jobs(connection: Connection) -> int:
    """Return how many jobs are not terminal."""
    query = select(func.count()).select_from(jobs).where(jobs.c.state.in_(ALIVE))
    return connection.execute(query).scalar_one()


def run_of(connection: Connection, job_id: str, run: str | None) -> Row | None:
    """Return the named run of a job, or its last one; None where it has none yet."""
    job = require(connection, job_id)
    query = select(runs).where(runs.c.job_id == job_id).order_by(runs.c.attempt.desc())
    rows = connection.execute(query).all()
    if run is None:
        return rows[0] if rows else None
    for row in rows:
        if row.name == run:
            return row
    names = ", ".join(row.name for row in reversed(rows)) or "none yet"
    raise InvalidRequestError(f"The job {job.name!r} has no run {run!r}; its runs: {names}.")


def last_seq(connection: Connection) -> int:
    """Return the newest event's number, 0 where there is none."""
    return connection.execute(select(func.max(events.c.seq))).scalar_one() or 0


def events_after(connection: Connection, after: int, job_ids: Sequence[str], limit: int) -> Sequence[Row]:
    """Return the events that follow number `after`, of these jobs or of all, oldest first."""
    query = select(events).where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    if job_ids:
        query = query.where(events.c.job_id.in_(job_ids))
    return connection.execute(query).all()


def known_jobs(connection: Connection) -> set[str]:
    """Return every job's id."""
    return set(connection.execute(select(jobs.c.id)).scalars())


def environment_owners(connection: Connection) -> set[str]:
    """Return the ids of the jobs whose environment is still needed."""
    return set(connection.execute(select(jobs.c.id).where(jobs.c.state.not_in(TERMINAL))).scalars())


def active_with_requirements(connection: Connection) -> list[tuple[str, JobConfig, str | None]]:
    """Return id, config and interpreter of the jobs with requirements that are not terminal."""
    rows = connection.execute(
        select(jobs.c.id, jobs.c.config, jobs.c.interpreter).where(
            jobs.c.state.not_in(TERMINAL), jobs.c.config.contains('"requirements"')
        )
    ).all()
    found = []
    for row in rows:
        with contextlib.suppress(ValueError):  # a newer version's: this one can't start it either
            found.append((row.id, JobConfig.from_dict(json.loads(row.config)), row.interpreter))
    return [each for each in found if each[1].requirements]
