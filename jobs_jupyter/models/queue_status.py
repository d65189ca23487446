"""Queues, as the service tells of them."""

from __future__ import annotations

from jobs_jupyter.models.base import NameEnum, StatusModel, Time
from jobs_jupyter.models.queue import JobQueueExecutionMode


class JobQueueState(NameEnum):
    """Whether a queue takes jobs."""

    ACTIVE = "ACTIVE"  # takes jobs
    SEALED = "SEALED"  # takes no more; those that wait in it go on


class JobQueueStatus(StatusModel):
    """Current status of a job queue."""

    id: str
    name: str | None = None
    state: JobQueueState
    execution_mode: JobQueueExecutionMode
    max_concurrency: int
    idle_timeout_s: int
    auto_termination_threshold_job_count: int | None = None
    project: str
    creator_id: str
    created_at: Time
    total_jobs: int  # that were ever submitted to it, and not deleted
    active_jobs: int  # not terminal
    successful_jobs: int
    failed_jobs: int  # FAILED or TERMINATED
    cluster_is_up: bool
