"""Job queues: look at them, change them, put them away.

A queue comes to be with the first job whose `job_queue_config` describes it. A queue is meant by
its `id`, or by its `name` within a project (`default` unless named); `job_queue_id` is a second
spelling of `id`. All arguments are keyword-only.
"""

from __future__ import annotations

from typing import Any

from jobs_jupyter.client.http import client as _client
from jobs_jupyter.models.queue_status import JobQueueStatus

__all__ = ["archive", "delete", "list", "status", "terminate", "update"]

_List = list


def list(*, project: str | None = None) -> _List[JobQueueStatus]:  # noqa: A001 - as in `jobs_jupyter.job`
    """Return all queues, or those of a project, the newest first."""
    _check({"project": project})
    query = {} if project is None else {"project": project}
    found = _client.json("GET", "/v1/queues", query=query)["queues"]
    return [JobQueueStatus.from_dict(queue) for queue in found]


def status(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    job_queue_id: str | None = None,
) -> JobQueueStatus:
    """Return a queue's status: its settings, its jobs counted, and whether its cluster is up."""
    return JobQueueStatus.from_dict(_resolve(name, id, project, job_queue_id))


def update(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    max_concurrency: int | None = None,
    idle_timeout_s: int | None = None,
    job_queue_id: str | None = None,
) -> JobQueueStatus:
    """Change a queue, also while its jobs run, and return its status.

    Args:
        max_concurrency: how many jobs have a place at once, at least 1. Fewer than now: no job is
            stopped, the next one starts once there is room.
        idle_timeout_s: seconds without a job after which its cluster stops; 0: at once.

    Raises:
        ValueError: nothing to change, or a value out of range.
    """
    given = {"max_concurrency": max_concurrency, "idle_timeout_s": idle_timeout_s}
    changes = {label: value for label, value in given.items() if value is not None}
    if not changes:
        raise ValueError("Say what to change: max_concurrency or idle_timeout_s.")
    found = _resolve(name, id, project, job_queue_id)
    return JobQueueStatus.from_dict(_client.json("PATCH", f"/v1/queues/{found['id']}", body=changes))


def archive(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    job_queue_id: str | None = None,
) -> str:
    """Let a queue take no more jobs and return its id; those that are in it go on."""
    return _act(_resolve(name, id, project, job_queue_id), "archive")


def terminate(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    job_queue_id: str | None = None,
) -> str:
    """Ask for the end of a queue's jobs, then of its cluster, and return its id at once."""
    return _act(_resolve(name, id, project, job_queue_id), "terminate")


def delete(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    project: str | None = None,
    job_queue_id: str | None = None,
) -> str:
    """Delete a queue and return its id; its jobs stay.

    Raises:
        JobStateError: it has jobs that are not terminal.
    """
    queue_id = str(_resolve(name, id, project, job_queue_id)["id"])
    _client.request("DELETE", f"/v1/queues/{queue_id}", gone_is_done=True)
    return queue_id


def _resolve(name: object, id: object, project: object, job_queue_id: object) -> dict[str, Any]:  # noqa: A002
    _check({"name": name, "id": id, "job_queue_id": job_queue_id, "project": project})
    if id is not None and job_queue_id is not None and id != job_queue_id:
        raise ValueError(
            f"id={id!r} and job_queue_id={job_queue_id!r} are two spellings of one thing; pass one."
        )
    wanted = job_queue_id if id is None else id
    if (wanted is None) == (name is None):
        raise ValueError("Say which queue is meant: pass its name or its id, and not both.")
    if wanted is not None and project is not None:
        raise ValueError("An id is unique: leave out project, which belongs to a name.")
    given = {"id": wanted, "name": name, "project": project}
    query = {label: value for label, value in given.items() if value is not None}
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
