"""Why the SDK differs from the hosted service's: a place, what differs there (both as patterns), and why."""

from __future__ import annotations

_STATUS = "the service always sends it"
_NO_EMAIL = "users and clouds have names here and no other ids, and no e-mail addresses are known"

REASONS: tuple[tuple[str, str, str], ...] = (
    (
        "job.*",
        "also has `job_id`",
        "taken there as well, as a second spelling of `id`",
    ),
    (
        "job.models.JobConfig",
        "lacks `priority`",
        "not documented there; use `job_queue_config`",
    ),
    ("job.models.JobConfig", "`entrypoint` *", "refused there as well where it is left out"),
    (
        "job.models.Job*Status",
        "also has *",
        "what else there is to know of it; always optional",
    ),
    ("job.models.JobStatus", "`runs` *", "a job that waits has none"),
    ("job_queue.*", "also has `id`, `project`", "one way to name a queue, the same in all functions"),
    ("job_queue.*", "also has `name`, `id`", "one way to name a queue, the same in all functions"),
    ("job_queue.*", "also has `id`", "as jobs have it; `job_queue_id` means the same"),
    (
        "job_queue.*",
        "`include_archived` *",
        "its jobs go on and it keeps its name, so that still means it; `False` passes over it",
    ),
    ("job_queue.models.JobQueueStatus", "lacks *", f"{_NO_EMAIL}; `project` has the project's name"),
    ("job_queue.models.JobQueueStatus", "also has *", "what else there is to know of a queue"),
    ("job_queue.models.JobQueueStatus", "*, required, there *", _STATUS),
    ("job_queue.models.ClusterState", "lacks *", "a cluster is up or down here: it takes no time to start"),
    ("job_queue.models.SessionState", "is not there", "`ClusterState` has the two states that there are"),
    ("job_queue.models.*", "lacks `UNKNOWN`", "all that there are are known"),
    ("job_queue.models.JobQueueSortField", "lacks *", f"{_NO_EMAIL}; there is one cloud"),
    ("compute_config.create", "`name` *", "without one a name is made up there as well, where it is None"),
    (
        "compute_config.list",
        "lacks *",
        "all of it is one page; there is one cloud, and nothing is shared between users",
    ),
    ("compute_config.list", "also has `include_archived`", "archived ones are found with it, as in `get`"),
    ("compute_config.list", "`max_items` *", "all of them fit one list"),
    ("compute_config.list", "`sort_*", "the newest come first in every list here"),
    (
        "compute_config.models.ComputeConfigListResult",
        "is not there",
        "`list` returns a list of ComputeConfigVersions",
    ),
    ("compute_config.models.ComputeConfigVersion", "also has *", "what else there is to know of a version"),
    ("compute_config.models.ComputeConfigVersion", "`config` *", _STATUS),
    (
        "compute_config.models.MultiResourceComputeConfig",
        "`configs` *",
        "refused there as well where it is empty",
    ),
    ("compute_config.models.PhysicalResources", "`*", "refused there as well where it is left out of a node"),
)
