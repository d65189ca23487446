"""Compute configs, as the service keeps them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ValidationInfo

from jobs_jupyter.models.base import StatusModel, Time
from jobs_jupyter.models.compute import ComputeConfig, MultiResourceComputeConfig, read_compute_config


def _config(value: object, info: ValidationInfo) -> object:
    return read_compute_config(value, info.context) if isinstance(value, dict) else value


class ComputeConfigVersion(StatusModel):
    """One version of a compute config."""

    id: str
    name: str
    version: int  # counted from 1
    config: Annotated[ComputeConfig | MultiResourceComputeConfig, BeforeValidator(_config)]
    creator_id: str
    created_at: Time
    archived_at: Time | None = None  # since then no job can use any version of it

    @property
    def full_name(self) -> str:
        """What a job's `compute_config` calls this version: `gpus:3`."""
        return f"{self.name}:{self.version}"
