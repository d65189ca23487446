"""The models that `jobs_jupyter.job_queue` speaks."""

from jobs_jupyter.models.queue import JobQueueConfig, JobQueueExecutionMode, JobQueueSpec
from jobs_jupyter.models.queue_status import JobQueueState, JobQueueStatus

__all__ = ["JobQueueConfig", "JobQueueExecutionMode", "JobQueueSpec", "JobQueueState", "JobQueueStatus"]
