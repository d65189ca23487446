"""Waiting in a queue by its name alone, as a cell's line and a shell do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from jobs_jupyter import job as sdk
from jobs_jupyter import job_queue
from jobs_jupyter.models.errors import JobQueueNotFoundError, JobsError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.queue import JobQueueConfig, JobQueueExecutionMode, JobQueueSpec

QUEUE_IDLE_S = 300


def lost_priority(config: JobConfig, queue: str | None, priority: int | None) -> str | None:
    """Say that a priority has no effect in a job's queue, where that is so; None: it has.

    Args:
        config: what was submitted.
        queue: the name of its queue, where that is not the config's.
        priority: what was asked for.
    """
    if priority is None:
        return None
    wanted = config.job_queue_config
    spec = wanted.job_queue_spec if wanted else None
    name = queue or (wanted and wanted.target_job_queue_name) or (spec and spec.name)
    mode = _mode(name, config.project) if name else spec and spec.execution_mode
    if mode is None or mode == JobQueueExecutionMode.PRIORITY:
        return None
    which = f"the queue {name!r}" if name else "its queue"
    first = "oldest" if mode == JobQueueExecutionMode.FIFO else "newest"
    return f"Priority {priority} has no effect: {which} is {mode} and starts the {first} job first."


def _mode(queue: str, project: str | None) -> JobQueueExecutionMode | None:
    with contextlib.suppress(JobsError):  # the job is submitted by now, whatever became of its queue
        return job_queue.status(name=queue, project=project).execution_mode
    return None


def submit_into(
    config: JobConfig, queue: str, priority: int | None, submit: Callable[[JobConfig], str] = sdk.submit
) -> str:
    """Submit into the queue of that name and return the job's id; the first job makes it, one at a time."""
    target = JobQueueConfig(target_job_queue_name=queue, priority=priority)
    try:
        return submit(config.options(job_queue_config=target))
    except JobQueueNotFoundError:
        spec = JobQueueSpec(name=queue, idle_timeout_s=QUEUE_IDLE_S)
        made = JobQueueConfig(job_queue_spec=spec, priority=priority)
        return submit(config.options(job_queue_config=made))
