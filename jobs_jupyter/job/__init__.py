"""The Job SDK: submit jobs, follow them, and put them away.

The functions, their arguments and what they return are those of the hosted Job SDK, so that a
program written for it runs here with its imports changed. All arguments but `submit`'s are
keyword-only, and `job_id` is a second spelling of `id`.

A job is meant by its `id`, or by its `name`: then it is the newest of that name in the project
(`default` unless named) that is not archived (unless `include_archived`). No such job is a
JobNotFoundError; a service that can't be reached is a ServiceUnavailableError.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs_jupyter.client import arguments as _arguments
from jobs_jupyter.client.http import client as _client
from jobs_jupyter.client.pages import ResultIterator
from jobs_jupyter.job import listing as _listing
from jobs_jupyter.job import submission as _submission
from jobs_jupyter.job import waiting as _waiting
from jobs_jupyter.job.lookup import find_id as _find_id
from jobs_jupyter.job.lookup import resolve as _resolve
from jobs_jupyter.models.connection import ConnectionConfig, ConnectionType
from jobs_jupyter.models.job import (
    JobConfig,
    JobLogMode,
    JobSortField,
    JobSortOrder,
    JobState,
    JobStatus,
)
from jobs_jupyter.models.tags import check_key as _check_key
from jobs_jupyter.models.tags import check_tags as _check_tags

__all__ = [
    "ConnectionConfig",
    "ConnectionType",
    "JobConfig",
    "JobLogMode",
    "JobSortField",
    "JobSortOrder",
    "JobState",
    "JobStatus",
    "ResultIterator",
    "add_tags",
    "archive",
    "delete",
    "get_logs",
    "list",
    "list_tags",
    "remove_tags",
    "status",
    "submit",
    "terminate",
    "wait",
]

_List = list


def submit(config: JobConfig) -> str:
    """Submit a job and return its id; the job is on disk by then.

    What the config names by path is read now: later edits change nothing. `max_retries` left out
    means one retry.

    Raises:
        TypeError: `config` is not a JobConfig.
        UnsupportedError: a field that this service can't honour, by name (a ValueError).
        PackageError: a directory that can't be packaged, and why (a ValueError).
    """
    if not isinstance(config, JobConfig):
        raise TypeError(
            f"submit takes a JobConfig, not {type(config).__name__}; write JobConfig(entrypoint=…)."
        )
    return str(_submission.submit(config)["id"])


def status(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    cloud: str | None = None,
    project: str | None = None,
    include_archived: bool = False,
    job_id: str | None = None,
) -> JobStatus:
    """Return a job's status, with its config and all its runs, the oldest first."""
    return JobStatus.from_dict(_resolve(name, id, cloud, project, include_archived, job_id))


def terminate(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    cloud: str | None = None,
    project: str | None = None,
    include_archived: bool = False,
    job_id: str | None = None,
) -> str:
    """Ask for a job's end and return its id at once; nothing happens to one that has ended.

    Its processes get SIGTERM, and SIGKILL 3 s later.
    """
    found = _find_id(name, id, cloud, project, include_archived, job_id)
    return _act(found, "terminate")


def archive(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    cloud: str | None = None,
    project: str | None = None,
    include_archived: bool = False,
    job_id: str | None = None,
) -> str:
    """Hide a job that has ended from lists and look-ups by name; returns its id. Twice is a no-op.

    Raises:
        JobStateError: the job has not ended.
    """
    found = _find_id(name, id, cloud, project, include_archived, job_id)
    return _act(found, "archive")


def delete(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    cloud: str | None = None,
    project: str | None = None,
    include_archived: bool = False,
    job_id: str | None = None,
) -> str:
    """Delete a job that has ended, with its runs, logs and outputs, for good; returns its id.

    Raises:
        JobStateError: the job has not ended.
    """
    found = _find_id(name, id, cloud, project, include_archived, job_id)
    _client.request("DELETE", f"/v1/jobs/{found}", gone_is_done=True)
    return found


def get_logs(
    *,
    id: str | None = None,  # noqa: A002
    name: str | None = None,
    cloud: str | None = None,
    project: str | None = None,
    run: str | None = None,
    mode: str | JobLogMode = JobLogMode.TAIL,
    max_lines: int | None = None,
    include_archived: bool = False,
    job_id: str | None = None,
) -> str:
    """Return a run's log: its first (`HEAD`) or last (`TAIL`) lines, oldest first, or all of it.

    Args:
        run: a run's name, as in the job's status; the last run otherwise.
        mode: which end `max_lines` are taken from.
        max_lines: how many lines at most; all of them otherwise. Only a newline ends a line.

    Returns:
        Text that ends in a newline; "" where there are no lines. Undecodable bytes are replaced.

    Raises:
        ValueError: the job has no such run, or an argument is wrong.
    """
    query: dict[str, Any] = {"mode": JobLogMode.named(mode).value}
    if max_lines is not None:
        query["max_lines"] = _arguments.whole("max_lines", max_lines)
    if run is not None:
        query["run"] = _arguments.text("run", run)
    found = _find_id(name, id, cloud, project, include_archived, job_id)
    return _client.request("GET", f"/v1/jobs/{found}/logs", query=query).content.decode(errors="replace")


def wait(
    *,
    name: str | None = None,
    id: str | None = None,  # noqa: A002
    cloud: str | None = None,
    project: str | None = None,
    state: JobState | str = JobState.SUCCEEDED,
    timeout_s: float = 1800,
    follow: bool = False,
    include_archived: bool = False,
    job_id: str | None = None,
) -> None:
    """Wait until a job is in a state, or passes through it; the change is pushed, not polled.

    RUNNING counts as reached by a job that has been through it.

    Interrupting it stops the waiting, never the job.

    Args:
        state: the state to wait for, or its name in any case.
        timeout_s: seconds to wait at most, whatever the service does meanwhile; `inf`: as long as it takes.
        follow: print the log as it is written, through all retries, a header line before each run.

    Raises:
        JobStateError: the job ended in another state; with the exit code and the last 20 lines.
        TimeoutError: the time is up; the job goes on.
    """
    timeout_s = _waiting.check_timeout(timeout_s)
    deadline = _waiting.now() + timeout_s
    target = JobState.named(state)
    _arguments.flag("follow", follow)
    found = _waiting.look_up(
        lambda: _resolve(name, id, cloud, project, include_archived, job_id), timeout_s, deadline
    )
    _waiting.wait(found, target, timeout_s, deadline, follow)


def list(  # noqa: A001 - the reference's name
    *,
    name: str | None = None,
    job_id: str | None = None,
    project: str | None = None,
    cloud: str | None = None,
    include_all_users: bool = False,
    include_archived: bool = False,
    state_filter: _List[JobState | str] | None = None,
    tags_filter: dict[str, _List[str]] | None = None,
    page_size: int | None = None,
    max_items: int | None = None,
    sort_field: str | None = None,
    sort_order: str | None = None,
    created_at_from: str | datetime | None = None,
    created_at_to: str | datetime | None = None,
    updated_at_from: str | datetime | None = None,
    updated_at_to: str | datetime | None = None,
    status_updated_at_from: str | datetime | None = None,
    status_updated_at_to: str | datetime | None = None,
) -> ResultIterator[JobStatus]:
    """Return the caller's jobs, newest first unless sorted otherwise, fetched page by page.

    All filters have to match. `tags_filter` maps a key to its allowed values; different keys must
    all match. Times are inclusive: ISO 8601 strings or datetimes, naive ones in UTC.

    Args:
        page_size: jobs per request, 1 to 100 (50).
        max_items: how many jobs at most.
        sort_field: a JobSortField in any case; jobs without the value come last.
        sort_order: ASC or DESC (the default) in any case.

    Raises:
        ValueError, TypeError: an argument is wrong; raised now, not while iterating.
    """
    return _listing.jobs(
        exact={"name": name, "job_id": job_id, "project": project, "cloud": cloud},
        flags={"include_all_users": include_all_users, "include_archived": include_archived},
        state_filter=state_filter,
        tags_filter=tags_filter,
        page_size=page_size,
        max_items=max_items,
        sort_field=sort_field,
        sort_order=sort_order,
        dates={
            "created_at_from": created_at_from,
            "created_at_to": created_at_to,
            "updated_at_from": updated_at_from,
            "updated_at_to": updated_at_to,
            "status_updated_at_from": status_updated_at_from,
            "status_updated_at_to": status_updated_at_to,
        },
    )


def add_tags(
    *,
    job_id: str | None = None,
    name: str | None = None,
    cloud: str | None = None,
    project: str | None = None,
    tags: dict[str, str],
    include_archived: bool = False,
) -> None:
    """Add tags to a job, or change the values of those that it has.

    Raises:
        ValueError: no tags, or one that breaks a rule; then none is changed.
    """
    if not _check_tags(tags):
        raise ValueError("tags is empty; name at least one, such as {'team': 'mlops'}.")
    found = _find_id(name, None, cloud, project, include_archived, job_id)
    _client.request("PUT", f"/v1/jobs/{found}/tags", body={"tags": tags})


def remove_tags(
    *,
    job_id: str | None = None,
    name: str | None = None,
    cloud: str | None = None,
    project: str | None = None,
    keys: _List[str],
    include_archived: bool = False,
) -> None:
    """Remove tags from a job by their keys; one that it does not have is no error."""
    wanted = [_check_key(key) for key in _arguments.strings("keys", keys)]
    if not wanted:
        raise ValueError("keys is empty; name at least one tag to remove.")
    found = _find_id(name, None, cloud, project, include_archived, job_id)
    _client.request("DELETE", f"/v1/jobs/{found}/tags", query=[("key", key) for key in wanted])


def list_tags(
    *,
    job_id: str | None = None,
    name: str | None = None,
    cloud: str | None = None,
    project: str | None = None,
    include_archived: bool = False,
) -> dict[str, str]:
    """Return a job's tags."""
    found = _find_id(name, None, cloud, project, include_archived, job_id)
    return dict(_client.json("GET", f"/v1/jobs/{found}/tags")["tags"])


def _act(job_id: str, verb: str) -> str:
    _client.request("POST", f"/v1/jobs/{job_id}/{verb}")
    return job_id
