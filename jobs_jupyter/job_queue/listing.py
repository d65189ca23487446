"""The arguments of `list`, checked at the call, and the pages behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs_jupyter.client.arguments import LARGEST_PAGE, PAGE, flag, strings, tag_pairs, text, whole
from jobs_jupyter.client.http import client
from jobs_jupyter.client.pages import ResultIterator
from jobs_jupyter.models.queue_status import ClusterState, JobQueueSortDirective, JobQueueStatus

Fetch = Callable[[str | None], tuple[list[JobQueueStatus], str | None]]


def queues(
    *,
    exact: dict[str, str | None],
    cluster_status: Any,
    tags_filter: Any,
    page_size: int | None,
    max_items: int | None,
    sorting_directives: Any,
    include_archived: bool,
) -> ResultIterator[JobQueueStatus]:
    """Return the queues that match, lazily."""
    query = [(label, text(label, value)) for label, value in exact.items() if value is not None]
    if cluster_status is not None:
        query.append(("cluster_status", ClusterState.named(cluster_status).value))
    query += [("tag", f"{key}={value}") for key, value in tag_pairs(tags_filter)]
    query += [("sort", directive) for directive in _directives(sorting_directives)]
    query.append(("include_archived", str(flag("include_archived", include_archived)).lower()))
    size = PAGE if page_size is None else whole("page_size", page_size, high=LARGEST_PAGE)
    most = None if max_items is None else whole("max_items", max_items)
    query.append(("page_size", str(min(size, most or size))))
    if exact["cloud"] is not None:  # only the service knows which there are
        client.request("GET", "/v1/queues", query=[("cloud", exact["cloud"]), ("page_size", "1")])
    return ResultIterator(_fetcher(query), most, COLUMNS, below="Id", nothing="No job queues.")


def _fetcher(query: list[tuple[str, str]]) -> Fetch:
    def fetch(cursor: str | None) -> tuple[list[JobQueueStatus], str | None]:
        asked = query if cursor is None else [*query, ("cursor", cursor)]
        page = client.json("GET", "/v1/queues", query=asked)
        return [JobQueueStatus.from_dict(queue) for queue in page["queues"]], page["next"]

    return fetch


def _directives(given: Any) -> list[str]:
    if given is None:
        return []
    found = [_directive(each) for each in strings("sorting_directives", given)]
    return [f"{each.sort_field}:{each.sort_order}" for each in found]


def _directive(given: object) -> JobQueueSortDirective:
    if isinstance(given, Mapping):
        return JobQueueSortDirective.from_dict(given)
    if not isinstance(given, JobQueueSortDirective):
        raise TypeError(f"sorting_directives must hold JobQueueSortDirectives, not {given!r}.")
    return given


def _created(queue: JobQueueStatus) -> str:
    return queue.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


COLUMNS: dict[str, Callable[[JobQueueStatus], str]] = {
    "Name": lambda queue: queue.name or "",
    "Project": lambda queue: queue.project,
    "State": lambda queue: str(queue.state),
    "Mode": lambda queue: str(queue.execution_mode),
    "At once": lambda queue: str(queue.max_concurrency),
    "Active": lambda queue: str(queue.active_jobs),
    "Succeeded": lambda queue: str(queue.successful_jobs),
    "Failed": lambda queue: str(queue.failed_jobs),
    "Created": _created,
    "Id": lambda queue: queue.id,
}
