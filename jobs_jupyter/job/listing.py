"""The arguments of `list`, checked at the call, and the pages behind it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from jobs_jupyter.client.arguments import LARGEST_PAGE, PAGE, flag, strings, tag_pairs, text, whole
from jobs_jupyter.client.http import client
from jobs_jupyter.client.pages import ResultIterator
from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.job import JobSortField, JobSortOrder, JobState, JobStatus
from jobs_jupyter.models.why import why

REASON_MAX = 60  # characters in a table: a build's error can be longer than all else together


def jobs(
    *,
    exact: dict[str, str | None],
    flags: dict[str, bool],
    state_filter: Any,
    tags_filter: Any,
    page_size: int | None,
    max_items: int | None,
    sort_field: str | None,
    sort_order: str | None,
    dates: dict[str, Any],
) -> ResultIterator[JobStatus]:
    """Return the jobs that match, lazily."""
    query = [(label, text(label, value)) for label, value in exact.items() if value is not None]
    query += [(label, str(flag(label, value)).lower()) for label, value in flags.items()]
    query += [("state_filter", state) for state in _states(state_filter)]
    query += [("tag", f"{key}={value}") for key, value in tag_pairs(tags_filter)]
    query += [(label, _time(label, value)) for label, value in dates.items() if value is not None]
    size = PAGE if page_size is None else whole("page_size", page_size, high=LARGEST_PAGE)
    most = None if max_items is None else whole("max_items", max_items)
    query.append(("page_size", str(min(size, most or size))))
    if sort_field is not None:
        query.append(("sort_field", JobSortField.named(sort_field).value))
    if sort_order is not None:
        query.append(("sort_order", JobSortOrder.named(sort_order).value))
    if exact["cloud"] is not None:  # only the service knows which there are
        client.request("GET", "/v1/jobs", query=[("cloud", exact["cloud"]), ("page_size", "1")])
    return ResultIterator(_fetcher(query), most, COLUMNS, below="Id")


def _fetcher(query: list[tuple[str, str]]) -> Callable[[str | None], tuple[list[JobStatus], str | None]]:
    def fetch(cursor: str | None) -> tuple[list[JobStatus], str | None]:
        asked = query if cursor is None else [*query, ("cursor", cursor)]
        page = client.json("GET", "/v1/jobs", query=asked)
        return [JobStatus.from_dict(job) for job in page["jobs"]], page["next"]

    return fetch


def _states(given: Any) -> list[str]:
    if given is None:
        return []
    return [JobState.named(state).value for state in strings("state_filter", given)]


def _time(label: str, given: Any) -> str:
    try:
        moment = given if isinstance(given, datetime) else datetime.fromisoformat(given)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)).isoformat()
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequestError(
            f"{label} must be a datetime or an ISO 8601 string such as 2026-01-31T00:00:00Z, not {given!r}."
        ) from None


def _duration(job: JobStatus) -> str:
    if job.started_at is None:
        return ""
    end = job.ended_at or datetime.now(UTC)
    minutes, seconds = divmod(max(0, int((end - job.started_at).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def _created(job: JobStatus) -> str:
    return job.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if job.created_at else ""


def _why(job: JobStatus) -> str:
    return why(job.state, job.reason, job.error)


COLUMNS: dict[str, Callable[[JobStatus], str]] = {
    "Name": lambda job: job.name,
    "State": lambda job: str(job.state),
    "Reason": lambda job: textwrap.shorten(_why(job), REASON_MAX, placeholder=" …"),
    "Tags": lambda job: " ".join(f"{key}={value}" for key, value in (job.tags or {}).items()),
    "Created": _created,
    "Duration": _duration,
    "Id": lambda job: job.id,
}
