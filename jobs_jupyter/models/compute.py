"""Compute configs: what a job, or a queue's cluster, runs on."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, ValidationInfo

from jobs_jupyter.models.base import Model, NameEnum, Text
from jobs_jupyter.models.either import Either

MIB = 2**20
TIB = 2**40
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_UNITS |= {"KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
_MEMORY = re.compile(r"(\d{1,20}(?:\.\d{1,20})?)\s*([KMGT]?I?)B?", re.IGNORECASE | re.ASCII)
_ACCELERATOR_LABEL = "ray.io/accelerator-type"
_COMPUTE_NAME = re.compile(r"[^:\s]+(:[1-9][0-9]{0,8})?")


def check_compute_name(value: str) -> str:
    """Return `value` if it has the form `name` or `name:version`, else raise a `ValueError`."""
    if not _COMPUTE_NAME.fullmatch(value):
        raise ValueError("must be a compute config's name, without spaces, or name:version such as gpus:3")
    return value


def plain_compute_name(value: str) -> str:
    """Return `value` if it is a compute config's name without a version, else raise a `ValueError`."""
    if ":" in check_compute_name(value):
        raise ValueError(f"must be a name without a version: {value.partition(':')[0]}, not {value}")
    return value


def memory_bytes(value: int | str) -> int:
    """Return bytes of a number of bytes or of a string such as "8Gi"; `ValueError` otherwise."""
    if isinstance(value, int):
        return value
    found = _MEMORY.fullmatch(value.strip())
    if not found or found[2].upper() not in _UNITS:
        raise ValueError("must be a number of bytes, or a string such as 512Mi or 8Gi")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _memory(value: int | str) -> int | str:
    if not MIB <= memory_bytes(value) <= 24 * TIB:
        raise ValueError("must be between 1Mi and 24Ti")
    return value


def _finite(value: float) -> float:
    if not value <= sys.float_info.max:
        raise ValueError("must be a finite number")
    return value


def _writable(value: dict[str, JsonValue], info: ValidationInfo) -> dict[str, JsonValue]:
    """Refuse what JSON has no word for; what is stored already is read all the same."""
    if info.context is None:
        try:
            json.dumps(value, allow_nan=False)
        except ValueError:
            raise ValueError("must hold finite numbers only") from None
    return value


_ACCELERATOR_LABEL = "ray.io/accelerator-type"
_TOPOLOGY_LABEL = "ray.io/tpu-topology"


def _group_name(value: str | None, info: ValidationInfo) -> str | None:
    """Return a worker group's name; it is its instance type where it has none of its own."""
    return value if value is not None else info.data.get("instance_type")


Amount = Annotated[int | float, Either, Field(ge=0), AfterValidator(_finite)]
"""How much of a resource: a number that is not negative."""

Plain = Annotated[dict[str, JsonValue], AfterValidator(_writable)]
"""Fields of a cloud's own, as JSON has them."""


class MarketType(NameEnum):
    """How a worker group's machines are bought."""

    ON_DEMAND = "ON_DEMAND"  # kept until given back
    SPOT = "SPOT"  # cheaper, may be taken away
    PREFER_SPOT = "PREFER_SPOT"  # spot where there is any, else on demand


class RequiredResources(Model):
    """What a node must have, where its instance type does not matter."""

    CPU: Annotated[int, Field(ge=1, le=512)] = Field(description="How many CPUs: 1 to 512.")
    memory: Annotated[int | str, Either, AfterValidator(_memory)] = Field(
        description="How much memory: bytes, or a string such as 8Gi; 1Mi to 24Ti."
    )
    GPU: Annotated[int, Field(ge=0, le=16)] | None = Field(
        default=None, description="How many GPUs: up to 16."
    )
    accelerator: Text | None = Field(default=None, description="The kind of the GPUs or TPUs, such as A100.")
    TPU: Annotated[int, Field(ge=0)] | None = Field(default=None, description="How many TPUs.")
    tpu_hosts: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="How many hosts the TPUs are on."
    )
    cpu_architecture: Literal["x86_64", "arm64"] | None = Field(
        default=None, description="The architecture of the CPUs."
    )

    @classmethod
    def _read(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take names in any case, as the official client does: `cpu`, `Memory`, `anyscale/tpu_hosts`."""
        read: dict[str, Any] = {}
        for given, value in fields.items():
            name = _RESOURCES.get(str(given).lower(), given)
            if name in read:
                raise ValueError(f"{name} is given twice, once as {given!r}; keep one")
            read[name] = value
        return read

    @property
    def memory_bytes(self) -> int:
        """The memory in bytes."""
        return memory_bytes(self.memory)


_RESOURCES = {name.lower(): name for name in RequiredResources.model_fields}
_RESOURCES |= {"anyscale/tpu_hosts": "tpu_hosts", "anyscale_tpu_hosts": "tpu_hosts"}


class CloudDeployment(Model):
    """Where in a cloud a node runs."""

    provider: Text | None = Field(default=None, description="The cloud's provider.")
    region: Text | None = Field(default=None, description="Its region.")
    machine_pool: Text | None = Field(default=None, description="Its pool of machines.")
    id: Text | None = Field(default=None, description="Its id.")


class NodeConfig(Model):
    """What head and worker nodes share: one of an instance type and required resources."""

    instance_type: Text | None = Field(
        default=None, description="The cloud's type of the machine. Excludes required_resources."
    )
    required_resources: RequiredResources | None = Field(
        default=None,
        description="What the machine must have, where its type does not matter; field names in any case.",
    )
    resources: dict[str, Amount] | None = Field(
        default=None,
        description="What the node offers to a scheduler, no more than required_resources: name to amount.",
    )
    labels: dict[str, str] | None = Field(
        default=None, description="What a scheduler of nodes knows the node by."
    )
    required_labels: dict[str, str] | None = Field(
        default=None, description="The labels that a node must have."
    )
    advanced_instance_config: Plain | None = Field(
        default=None, description="What is passed on to the cloud's provider."
    )
    flags: Plain | None = Field(default=None, description="Advanced options of the node.")
    cloud_deployment: CloudDeployment | None = Field(
        default=None, description="Where in the cloud the node runs."
    )

    @classmethod
    def _read(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields without the type `custom`, which says no more than required_resources do."""
        if fields.get("instance_type") == "custom" and fields.get("required_resources") is not None:
            return {name: value for name, value in fields.items() if name != "instance_type"}
        return fields

    def _check(self) -> None:
        if (self.instance_type is None) == (self.required_resources is None):
            given = "neither is" if self.instance_type is None else "both are"
            raise ValueError(f"give exactly one of instance_type and required_resources; {given} given")
        self._check_resources()
        self._check_accelerator()

    def _check_resources(self) -> None:
        """Refuse a node that claims more than it has, as the official client does."""
        required, claimed = self.required_resources, self.resources or {}
        if required is None:
            return
        there = {"CPU": required.CPU, "memory": required.memory_bytes, "GPU": required.GPU}
        for name, most in there.items():
            amount = claimed.get(name, claimed.get(name.swapcase(), claimed.get(name.capitalize())))
            if amount is not None and most and amount > most:
                raise ValueError(
                    f"resources has {name}: {amount:g}, and required_resources only {most}; a node can't "
                    "offer more than it has"
                )

    def _check_accelerator(self) -> None:
        """Refuse a label that asks for an accelerator without a count of it, as the official client does."""
        kind = (self.required_labels or {}).get(_ACCELERATOR_LABEL)
        if not kind:
            return
        required, labels = self.required_resources, {**(self.labels or {}), **(self.required_labels or {})}
        if not kind.upper().startswith("TPU"):
            if required is None or not required.GPU:
                raise ValueError(
                    f"required_labels asks for the accelerator {kind}; say how many with GPU in "
                    "required_resources"
                )
        elif (
            required is None or not required.TPU or not required.tpu_hosts or not labels.get(_TOPOLOGY_LABEL)
        ):
            raise ValueError(
                f"required_labels asks for {kind}; give TPU and tpu_hosts in required_resources, and the "
                f"label {_TOPOLOGY_LABEL}"
            )


class HeadNodeConfig(NodeConfig):
    """The head node of a cluster."""


class WorkerNodeGroupConfig(NodeConfig):
    """A group of equal worker nodes."""

    name: Annotated[Text | None, AfterValidator(_group_name), Field(validate_default=True)] = Field(
        default=None,
        description="The group's name, unique within the compute config; its instance type if left out.",
    )
    min_nodes: Annotated[int, Field(ge=0)] = Field(
        default=0, description="How many nodes there are at least."
    )
    max_nodes: Annotated[int, Field(ge=1)] = Field(
        default=10, description="How many nodes there are at most."
    )
    market_type: MarketType = Field(default=MarketType.ON_DEMAND, description="How the machines are bought.")

    def _check(self) -> None:
        super()._check()
        if self.max_nodes < self.min_nodes:
            raise ValueError(
                f"max_nodes is {self.max_nodes} and min_nodes {self.min_nodes}; max_nodes must not be smaller"
            )


class ComputeConfig(Model):
    """The nodes that a job runs on."""

    cloud: Text | None = Field(default=None, description="The cloud to run on; this machine is `local`.")
    cloud_resource: Text | None = Field(default=None, description="Which resource of the cloud.")
    head_node: HeadNodeConfig | None = Field(
        default=None, description="The node that the job's command runs on."
    )
    worker_nodes: list[WorkerNodeGroupConfig] | None = Field(
        default=None,
        description="The groups of worker nodes. None: chosen automatically; []: the head node only.",
    )
    min_resources: dict[str, Amount] | None = Field(
        default=None, description="What the whole cluster has at least: name to amount."
    )
    max_resources: dict[str, Amount] | None = Field(
        default=None, description="What the whole cluster has at most: name to amount."
    )
    zones: Annotated[list[Text], Field(min_length=1)] | None = Field(
        default=None, description="The zones to use; left out, all of the cloud's region."
    )
    enable_cross_zone_scaling: bool = Field(
        default=False, description="Whether the nodes may be in several zones."
    )
    advanced_instance_config: Plain | None = Field(
        default=None, description="What is passed on to the cloud's provider."
    )
    flags: Plain | None = Field(default=None, description="Advanced options of the cluster.")
    auto_select_worker_config: bool = Field(
        default=False,
        description="Whether worker groups are chosen by what is asked for. Excludes worker_nodes.",
    )

    def _check(self) -> None:
        if self.auto_select_worker_config and self.worker_nodes is not None:
            raise ValueError("auto_select_worker_config and worker_nodes exclude each other; leave one out")
        names = [group.name for group in self.worker_nodes or []]
        if twice := _twice(name for name in names if name is not None):
            raise ValueError(f"two groups of worker_nodes are named {twice!r}; give them distinct names")


class MultiResourceComputeConfig(Model):
    """Compute configs for several resources of one cloud."""

    cloud: Text | None = Field(default=None, description="The cloud of all configs.")
    configs: Annotated[list[ComputeConfig], Field(min_length=1)] = Field(
        description="One for each resource of the cloud; the first that can be met is used."
    )
    flags: Plain | None = Field(default=None, description="Advanced options of all configs.")

    def _check(self) -> None:
        resources = [config.cloud_resource or "" for config in self.configs]
        if (twice := _twice(resources)) is not None:
            named = f"cloud_resource {twice!r}" if twice else "no cloud_resource"
            raise ValueError(f"two of the configs have {named}; give them distinct ones")
        clouds = {c for c in (self.cloud, *(config.cloud for config in self.configs)) if c is not None}
        if len(clouds) > 1:
            raise ValueError(f"the configs name several clouds ({', '.join(sorted(clouds))}); use one")


def read_compute_config(
    fields: Mapping[str, Any], context: object = None
) -> ComputeConfig | MultiResourceComputeConfig:
    """Return the compute config of a dict; one with `configs` is for several resources."""
    kind: type[Model] = MultiResourceComputeConfig if "configs" in fields else ComputeConfig
    found = kind.model_validate(fields, context=context)
    assert isinstance(found, ComputeConfig | MultiResourceComputeConfig)
    return found


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)
