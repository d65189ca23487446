"""Queues, as the service tells of them."""

from __future__ import annotations

from pydantic import Field

from jobs_jupyter.models.base import Model, NameEnum, StatusModel, Time
from jobs_jupyter.models.job import JobSortOrder
from jobs_jupyter.models.queue import JobQueueExecutionMode


class JobQueueState(NameEnum):
    """Whether a queue takes jobs."""

    ACTIVE = "ACTIVE"  # takes jobs
    SEALED = "SEALED"  # takes no more; those that wait in it go on


class ClusterState(NameEnum):
    """Whether a queue's cluster is up."""

    RUNNING = "RUNNING"
    TERMINATED = "TERMINATED"


class JobQueueSortField(NameEnum):
    """What a list of queues is sorted by."""

    ID = "ID"
    NAME = "NAME"
    CREATED_AT = "CREATED_AT"
    CREATOR_ID = "CREATOR_ID"
    PROJECT_ID = "PROJECT_ID"
    QUEUE_STATE = "QUEUE_STATE"
    CLUSTER_STATE = "CLUSTER_STATE"


class JobQueueSortDirective(Model):
    """One thing that a list of queues is sorted by."""

    sort_field: JobQueueSortField = Field(description="What to sort by, in any case.")
    sort_order: JobSortOrder = Field(description="ASC or DESC, in any case.")


class JobQueueStatus(StatusModel):
    """Current status of a job queue."""

    id: str = Field(description="The queue's id.")
    name: str | None = Field(default=None, description="The queue's name.")
    state: JobQueueState = Field(description="Whether it takes jobs.")
    execution_mode: JobQueueExecutionMode = Field(description="The order in which its jobs start.")
    max_concurrency: int = Field(description="How many of its jobs run at once, at most.")
    idle_timeout_s: int = Field(description="The seconds without a job after which its cluster stops.")
    auto_termination_threshold_job_count: int | None = Field(
        default=None, description="How many jobs its cluster runs before a fresh one takes its place."
    )
    project: str = Field(description="Its project.")
    creator_id: str = Field(description="Who submitted its first job.")
    created_at: Time = Field(description="When it was made, in UTC.")
    total_jobs: int = Field(
        description="How many jobs were submitted to it, without those that were deleted."
    )
    active_jobs: int = Field(description="How many of them are not terminal.")
    successful_jobs: int = Field(description="How many of them have SUCCEEDED.")
    failed_jobs: int = Field(description="How many of them have FAILED or were TERMINATED.")
    cluster_is_up: bool = Field(description="Whether its cluster is up.")
    tags: dict[str, str] | None = Field(default=None, description="Its tags.")
