"""The models that `jobs_jupyter.compute_config` speaks."""

from jobs_jupyter.models.compute import (
    CloudDeployment,
    ComputeConfig,
    HeadNodeConfig,
    MarketType,
    MultiResourceComputeConfig,
    RequiredResources,
    WorkerNodeGroupConfig,
)
from jobs_jupyter.models.compute import RequiredResources as PhysicalResources
from jobs_jupyter.models.compute_version import ComputeConfigVersion

__all__ = [
    "CloudDeployment",
    "ComputeConfig",
    "ComputeConfigVersion",
    "HeadNodeConfig",
    "MarketType",
    "MultiResourceComputeConfig",
    "PhysicalResources",
    "RequiredResources",
    "WorkerNodeGroupConfig",
]
