"""The models that `jobs_jupyter.job_queue` speaks."""

from jobs_jupyter.models.job import JobSortOrder as SortOrder
from jobs_jupyter.models.queue import JobQueueConfig, JobQueueExecutionMode, JobQueueSpec
from jobs_jupyter.models.queue import JobQueueExecutionMode as ExecutionMode
from jobs_jupyter.models.queue_status import (
    ClusterState,
    JobQueueSortDirective,
    JobQueueSortField,
    JobQueueState,
    JobQueueStatus,
)

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
    "SortOrder",
]
