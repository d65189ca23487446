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

    idle_timeout_s: Annotated[int, Field(ge=0)] = Field(
        description="The seconds without a job after which the queue's cluster stops; 0: at once."
    )
    name: Text | None = Field(
        default=None,
        description="The queue's name, unique within its project; without one its content identifies it.",
    )
    execution_mode: JobQueueExecutionMode = Field(
        default=JobQueueExecutionMode.FIFO,
        description="The order in which its jobs start: FIFO, LIFO or PRIORITY.",
    )
    compute_config: Annotated[str, AfterValidator(check_compute_name)] | None = Field(
        default=None, description="The compute config of its jobs, `name` or `name:version`."
    )
    max_concurrency: Annotated[int, Field(ge=1)] = Field(
        default=1, description="How many of its jobs run at once, at most."
    )
    auto_termination_threshold_job_count: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="How many jobs its cluster runs before a fresh one takes its place."
    )


class JobQueueConfig(Model):
    """Which queue a job waits in, and how urgent it is there."""

    priority: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = Field(
        default=None, description="The job's priority in a PRIORITY queue; 0 comes first, none comes last."
    )
    target_job_queue_name: Text | None = Field(
        default=None, description="The name of a queue that exists. Excludes job_queue_spec."
    )
    job_queue_spec: JobQueueSpec | None = Field(
        default=None,
        description="The queue, made with the first job that has it. Excludes target_job_queue_name.",
    )

    def _check(self) -> None:
        if self.target_job_queue_name is not None and self.job_queue_spec is not None:
            raise ValueError(
                "target_job_queue_name and job_queue_spec exclude each other; "
                "name an existing queue or describe one, not both"
            )
