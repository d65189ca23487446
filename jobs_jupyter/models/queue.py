"""Queues, as a job's config describes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from jobs_jupyter.models.base import Model, NameEnum, Text
from jobs_jupyter.models.compute import check_compute_name


class JobQueueExecutionMode(NameEnum):
    """The order in which a queue starts its jobs."""

    FIFO = "FIFO"  # oldest first
    LIFO = "LIFO"  # newest first
    PRIORITY = "PRIORITY"  # lowest number first


class JobQueueSpec(Model):
    """A queue, created with the first job that names it."""

    idle_timeout_s: Annotated[int, Field(ge=0)]
    name: Text | None = None
    execution_mode: JobQueueExecutionMode = JobQueueExecutionMode.FIFO
    compute_config: Annotated[str, AfterValidator(check_compute_name)] | None = None
    max_concurrency: Annotated[int, Field(ge=1)] = 1
    auto_termination_threshold_job_count: Annotated[int, Field(ge=1)] | None = None


class JobQueueConfig(Model):
    """Which queue a job waits in, and how urgent it is there."""

    priority: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    target_job_queue_name: Text | None = None
    job_queue_spec: JobQueueSpec | None = None

    def _check(self) -> None:
        if self.target_job_queue_name is not None and self.job_queue_spec is not None:
            raise ValueError(
                "target_job_queue_name and job_queue_spec exclude each other; "
                "name an existing queue or describe one, not both"
            )
