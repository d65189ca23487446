"""Compute configs, as the service keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationInfo

from jobs_jupyter.models.base import StatusModel, Time
from jobs_jupyter.models.compute import ComputeConfig, MultiResourceComputeConfig, read_compute_config
from jobs_jupyter.models.either import Either


def _config(value: object, info: ValidationInfo) -> object:
    return read_compute_config(value, info.context) if isinstance(value, dict) else value


class ComputeConfigVersion(StatusModel):
    """One version of a compute config."""

    id: str = Field(description="The version's id.")
    name: str = Field(description="Its name with its version, as a job's compute_config has it: `gpus:3`.")
    version: int = Field(description="Its version, counted from 1.")
    config: Annotated[ComputeConfig | MultiResourceComputeConfig, Either, BeforeValidator(_config)] = Field(
        description="What was created."
    )
    creator_id: str = Field(description="Who created it.")
    created_at: Time = Field(description="When it was created, in UTC.")
    archived_at: Time | None = Field(
        default=None, description="When it was archived, in UTC; since then no job can use any version of it."
    )

    @classmethod
    def _read(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields with the version in the name, which the service sends apart."""
        name = fields.get("name")
        if not isinstance(name, str) or ":" in name or "version" not in fields:
            return fields
        return {**fields, "name": f"{name}:{fields['version']}"}
