"""Job queues: look at them, change them, put them away.

A queue comes to be with the first job whose `job_queue_config` describes it. A queue is meant by
its `id`, or by its `name` within a project (`default` unless named); `job_queue_id` is a second
spelling of `id`, and `status` takes it as its first argument. All others are keyword-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs_jupyter.client import arguments as _arguments
from jobs_jupyter.client.http import client as _client
from jobs_jupyter.client.pages import ResultIterator
from jobs_jupyter.job_queue import listing as _listing
from jobs_jupyter.job_queue.models import (
    ClusterState,
    ExecutionMode,
    JobQueueConfig,
    JobQueueExecutionMode,
    JobQueueSortDirective,
    JobQueueSortField,
    JobQueueSpec,
    JobQueueState,
    JobQueueStatus,
    SortOrder,
)
from jobs_jupyter.models.tags import check_key as _check_key
from jobs_jupyter.models.tags import check_tags as _check_tags

__all__ = [
    "ClusterState",
    "ExecutionMode",
    "JobQueueConfig",
    "JobQueueExecutionMode",
    "JobQueueSortDirective",
    "JobQueueSortField",
    "JobQueueSpec",
    "JobQueueState",
    "JobQueueStatus",
    "ResultIterator",
    "SortOrder",
    "add_tags",
    "archive",
    "delete",
    "list",
    "list_tags",
    "remove_tags",
    "status",
    "terminate",
    "update",
]

_List = list


def list(  # noqa: A001 - as in `jobs_jupyter.job`
    *,
    job_queue_id: str | None = None,
    name: str | None = None,
    creator_id: str | None = None,
    cloud: str | None = None,
    project: str | None = None,
    cluster_status: ClusterState | str | None = None,
    tags_filter: dict[str, _List[str]] | None = None,
    page_size: int | None = None,
    max_items: int | None = None,
    sorting_directives: _List[JobQueueSortDirective | Mapping[str, Any]] | None = None,
    include_archived: bool = False,
) -> ResultIterator[JobQueueStatus]:
    """Return the queues that match, of every project unless one is named, fetched page by page.

    Args:
        job_queue_id: only the queue of that id, archived or not.
        cluster_status: only queues whose cluster is RUNNING, or TERMINATED, in any case.
        tags_filter: a key's allowed values; different keys must all match.
        page_size: queues per request, 1 to 100 (50).
        max_items: how many queues at most.
        sorting_directives: what to sort by, the first counting most; the newest come first otherwise.
        include_archived: list also queues that take no more jobs.

    Raises:
        ValueError, TypeError: an argument is wrong; raised now, not while iterating.
    """
    return _listing.queues(
        exact={
            "job_queue_id": job_queue_id,
            "name": name,
            "creator_id": creator_id,
            "cloud": cloud,
            "project": project,
        },
        cluster_status=cluster_status,
        tags_filter=tags_filter,
        page_size=page_size,
        max_items=max_items,
        sorting_directives=sorting_directives,
        include_archived=include_archived,
    )


def status(
    job_queue_id: str | None = None,
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    cloud: str | None = None,
    include_archived: bool = True,
) -> JobQueueStatus:
    """Return a queue's status: its settings, its jobs counted, and whether its cluster is up.

    Args:
        include_archived: find also a queue by its name that takes no more jobs; one is always found by id.
    """
    found = _resolve(name, id, project, job_queue_id, cloud, include_archived)
    return JobQueueStatus.from_dict(found)


def update(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    cloud: str | None = None,
    max_concurrency: int | None = None,
    idle_timeout_s: int | None = None,
    job_queue_id: str | None = None,
    job_queue_name: str | None = None,
) -> JobQueueStatus:
    """Change a queue, also while its jobs run, and return its status.

    A program that makes the queue can be run again: its spec joins the queue, and the change stays.

    Args:
        max_concurrency: how many jobs have a place at once, at least 1. Fewer than now: no job is
            stopped, the next one starts once there is room.
        idle_timeout_s: seconds without a job after which its cluster stops; 0: at once.
        job_queue_name: a second spelling of `name`.

    Raises:
        ValueError: nothing to change, or a value out of range.
    """
    given = {"max_concurrency": max_concurrency, "idle_timeout_s": idle_timeout_s}
    changes = {label: value for label, value in given.items() if value is not None}
    if not changes:
        raise ValueError("Say what to change: max_concurrency or idle_timeout_s.")
    if name is not None and job_queue_name is not None and name != job_queue_name:
        raise ValueError(
            f"name={name!r} and job_queue_name={job_queue_name!r} are two spellings of one thing; pass one."
        )
    found = _resolve(job_queue_name if name is None else name, id, project, job_queue_id, cloud)
    return JobQueueStatus.from_dict(_client.json("PATCH", f"/v1/queues/{found['id']}", body=changes))


def archive(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    cloud: str | None = None,
    job_queue_id: str | None = None,
) -> str:
    """Let a queue take no more jobs and return its id; those that are in it go on."""
    return _act(_resolve(name, id, project, job_queue_id, cloud), "archive")


def terminate(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    cloud: str | None = None,
    include_archived: bool = True,
    job_queue_id: str | None = None,
) -> str:
    """Ask for the end of a queue's jobs, then of its cluster, and return its id at once."""
    return _act(_resolve(name, id, project, job_queue_id, cloud, include_archived), "terminate")


def delete(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    cloud: str | None = None,
    include_archived: bool = True,
    job_queue_id: str | None = None,
) -> str:
    """Delete a queue and return its id; its jobs stay.

    Raises:
        JobStateError: it has jobs that are not terminal.
    """
    queue_id = str(_resolve(name, id, project, job_queue_id, cloud, include_archived)["id"])
    _client.request("DELETE", f"/v1/queues/{queue_id}", gone_is_done=True)
    return queue_id


def add_tags(
    *,
    job_queue_id: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    tags: dict[str, str],
) -> None:
    """Add tags to a queue, or change the values of those that it has.

    Raises:
        ValueError: no tags, or one that breaks a rule; then none is changed.
    """
    if not _check_tags(tags):
        raise ValueError("tags is empty; name at least one, such as {'team': 'mlops'}.")
    queue_id = _resolve(name, id, project, job_queue_id)["id"]
    _client.request("PUT", f"/v1/queues/{queue_id}/tags", body={"tags": tags})


def remove_tags(
    *,
    job_queue_id: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    keys: _List[str],
) -> None:
    """Remove tags from a queue by their keys; one that it does not have is no error."""
    wanted = [_check_key(key) for key in _arguments.strings("keys", keys)]
    if not wanted:
        raise ValueError("keys is empty; name at least one tag to remove.")
    queue_id = _resolve(name, id, project, job_queue_id)["id"]
    _client.request("DELETE", f"/v1/queues/{queue_id}/tags", query=[("key", key) for key in wanted])


def list_tags(
    *,
    job_queue_id: str | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
) -> dict[str, str]:
    """Return a queue's tags."""
    return dict(_resolve(name, id, project, job_queue_id).get("tags", {}))


def _resolve(
    name: object,
    id: object,  # noqa: A002
    project: object,
    job_queue_id: object,
    cloud: object = None,
    include_archived: bool = True,
) -> dict[str, Any]:
    _arguments.flag("include_archived", include_archived)
    _check({"name": name, "id": id, "job_queue_id": job_queue_id, "project": project, "cloud": cloud})
    if id is not None and job_queue_id is not None and id != job_queue_id:
        raise ValueError(
            f"id={id!r} and job_queue_id={job_queue_id!r} are two spellings of one thing; pass one."
        )
    wanted = job_queue_id if id is None else id
    if (wanted is None) == (name is None):
        raise ValueError("Say which queue is meant: pass its name or its id, and not both.")
    if wanted is not None and (project is not None or cloud is not None):
        raise ValueError("An id is unique: leave out cloud and project, which belong to a name.")
    given = {"id": wanted, "name": name, "project": project, "cloud": cloud}
    query = {label: value for label, value in given.items() if value is not None}
    query["include_archived"] = str(include_archived).lower()
    return dict(_client.json("GET", "/v1/queues/find", query=query))


def _check(given: dict[str, object]) -> None:
    for label, value in given.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{label} must be a string, not {value!r}.")
        if value == "":
            raise ValueError(f"{label} is empty; leave it out or say which is meant.")


def _act(queue: dict[str, Any], verb: str) -> str:
    _client.request("POST", f"/v1/queues/{queue['id']}/{verb}")
    return str(queue["id"])
