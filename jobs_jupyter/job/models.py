"""The models of the Job SDK."""

from jobs_jupyter.models.compute import (
    CloudDeployment,
    ComputeConfig,
    HeadNodeConfig,
    MarketType,
    MultiResourceComputeConfig,
    RequiredResources,
    WorkerNodeGroupConfig,
)
from jobs_jupyter.models.connection import ConnectionConfig, ConnectionType
from jobs_jupyter.models.job import (
    JobConfig,
    JobLogMode,
    JobRunState,
    JobRunStatus,
    JobSortField,
    JobSortOrder,
    JobState,
    JobStatus,
)
from jobs_jupyter.models.queue import JobQueueConfig, JobQueueExecutionMode, JobQueueSpec
from jobs_jupyter.models.run_error import RunError

__all__ = [
    "CloudDeployment",
    "ComputeConfig",
    "ConnectionConfig",
    "ConnectionType",
    "HeadNodeConfig",
    "JobConfig",
    "JobLogMode",
    "JobQueueConfig",
    "JobQueueExecutionMode",
    "JobQueueSpec",
    "JobRunState",
    "JobRunStatus",
    "JobSortField",
    "JobSortOrder",
    "JobState",
    "JobStatus",
    "MarketType",
    "MultiResourceComputeConfig",
    "RequiredResources",
    "RunError",
    "WorkerNodeGroupConfig",
]
