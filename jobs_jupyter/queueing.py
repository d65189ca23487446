"""Waiting in a queue by its name alone, as a cell's line and a shell do."""

from __future__ import annotations

from collections.abc import Callable

from jobs_jupyter import job as sdk
from jobs_jupyter.models.errors import JobQueueNotFoundError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.queue import JobQueueConfig, JobQueueSpec

QUEUE_IDLE_S = 300


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
