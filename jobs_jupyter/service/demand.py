"""What a compute config asks of this machine: a pure function.

On one machine the job's cluster is the job's share of it. So the head's `required_resources` and
`min_resources` are what the job is admitted with and held to, and it never gets more than
`max_resources` allow. Instance types, zones, market types, worker groups and cloud deployments mean
nothing here, and are passed over. What would mean something, but can't be honoured, is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from jobs_jupyter.models.compute import (
    MIB,
    ComputeConfig,
    HeadNodeConfig,
    MultiResourceComputeConfig,
    RequiredResources,
)
from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.sizes import apart
from jobs_jupyter.service.resources import Capacity, Demand

HERE = "local"
"""What this machine is called, as a cloud and as the one resource of that cloud."""

KINDS = ("CPU", "memory", "GPU")
_ANOTHER_MACHINE = f"it names another machine than {HERE}, which is the only one here; leave it out"
_INSTANCE = "it is about a cloud's instances, and jobs run on this machine; leave it out"
_NO_NODES = "it is for a scheduler of nodes, and this machine has none; leave it out"
_REFUSED = {"advanced_instance_config": _INSTANCE, "flags": _INSTANCE}
_REFUSED_OF_HEAD = {
    **_REFUSED,
    "instance_type": "this machine is of no instance type; ask for required_resources instead",
    "resources": _NO_NODES,
    "labels": _NO_NODES,
    "required_labels": _NO_NODES,
}


def demand_of(config: ComputeConfig | MultiResourceComputeConfig, capacity: Capacity) -> Demand | None:
    """Return what a job with this compute config asks for; None: nothing.

    What is left out of something is one CPU, the CPUs' share of the memory, and no GPU. Of several
    configs it is the first that this machine can meet.

    Raises:
        UnsupportedError: this machine can never meet it, or a field can't be honoured here.
    """
    if isinstance(config, MultiResourceComputeConfig):
        return _first(config, capacity)
    if config.cloud not in (None, HERE):
        raise UnsupportedError(f"There is no cloud {config.cloud!r} here; the clouds: {HERE}.")
    for problem in _foreign(config):
        raise UnsupportedError(f"This compute_config can't be used here: {problem}.")
    head = config.head_node.required_resources if config.head_node else None
    asked, limits = _asked(head, config.min_resources or {}), config.max_resources or {}
    if not asked and not limits:
        return None
    demand = _completed(asked, limits, capacity)
    if lacking := list(_lacking(head, demand, capacity)):
        raise UnsupportedError(
            f"The job asks for {' and '.join(lacking)}. Ask for less, or run the job elsewhere."
        )
    _check_limits(demand, limits)
    return demand


def _first(config: MultiResourceComputeConfig, capacity: Capacity) -> Demand | None:
    for problem in _refused(config, {"flags": _INSTANCE}):
        raise UnsupportedError(f"This compute_config can't be used here: {problem}.")
    problems = []
    for number, each in enumerate(config.configs, 1):
        try:
            return demand_of(each if each.cloud else each.options(cloud=config.cloud), capacity)
        except UnsupportedError as problem:
            problems.append(f"{number}. {problem}")
    raise UnsupportedError(f"None of the compute_config's configs can be met here. {' '.join(problems)}")


def _foreign(config: ComputeConfig) -> Iterator[str]:
    """Say what can't be honoured."""
    if config.cloud_resource not in (None, HERE):
        yield f"cloud_resource={config.cloud_resource!r}: {_ANOTHER_MACHINE}"
    for name, amount in (config.min_resources or {}).items():
        if amount and name not in KINDS:
            yield f"min_resources has {name}={amount:g}, and the resources here are {', '.join(KINDS)}"
    yield from _refused(config, _REFUSED)
    if config.head_node:
        yield from (f"head_node.{problem}" for problem in _refused(config.head_node, _REFUSED_OF_HEAD))


def _refused(
    model: ComputeConfig | HeadNodeConfig | MultiResourceComputeConfig, why: dict[str, str]
) -> Iterator[str]:
    for name, reason in why.items():
        if value := getattr(model, name):
            yield f"{name}={value!r}: {reason}"


def _asked(head: RequiredResources | None, least: dict[str, int | float]) -> dict[str, int]:
    """Return the whole CPUs, bytes and whole GPUs that are asked for, where they are."""
    asked = {"CPU": head.CPU, "memory": head.memory_bytes, "GPU": _gpus(head)} if head else {}
    for kind in KINDS:
        if least.get(kind):
            asked[kind] = max(asked.get(kind, 0), math.ceil(least[kind]))
    return asked


def _gpus(head: RequiredResources) -> int:
    return max(head.GPU or 0, 1 if head.accelerator else 0)


def _completed(asked: dict[str, int], limits: dict[str, int | float], capacity: Capacity) -> Demand:
    cpus = asked.get("CPU", 1)
    share = capacity.memory * min(cpus, len(capacity.cpus)) // max(1, len(capacity.cpus))
    memory = asked.get("memory", min(share, math.floor(limits.get("memory", share))))
    return Demand(cpus, memory, asked.get("GPU", 0))


def _lacking(head: RequiredResources | None, demand: Demand, capacity: Capacity) -> Iterator[str]:
    """Say what is asked for, and what there is of it where that is too little."""
    there = capacity.total
    if demand.cpus > there.cpus:
        yield f"CPU={demand.cpus}, where jobs have {there.cpus}"
    if demand.memory > there.memory:
        asked, most = apart(demand.memory, there.memory)
        yield f"memory={asked}, where jobs have {most}"
    if demand.gpus > there.gpus:
        yield f"GPU={demand.gpus}, where jobs have {there.gpus or 'none'}"
    if demand.memory < MIB:
        yield f"memory={demand.memory}, which is in bytes and less than 1 MiB"
    if head is not None:
        yield from _of_another_kind(head, capacity)


def _of_another_kind(head: RequiredResources, capacity: Capacity) -> Iterator[str]:
    if head.TPU or head.tpu_hosts:
        yield f"TPU={head.TPU or head.tpu_hosts}, where there is none"
    if head.cpu_architecture not in (None, capacity.architecture):
        yield f"cpu_architecture={head.cpu_architecture!r}, where it is {capacity.architecture!r}"
    # leases are by number, so every GPU has to be one of these
    wanted = head.accelerator
    if wanted and not (capacity.gpu_models and all(_is_a(model, wanted) for model in capacity.gpu_models)):
        there = ", ".join(dict.fromkeys(capacity.gpu_models)) or "none that is known"
        yield f"accelerator={wanted!r}, where the GPUs are: {there}"


def _is_a(model: str, accelerator: str) -> bool:
    """Whether a GPU's model, such as `NVIDIA A100-SXM4-80GB`, is what `A100-80G` means."""
    words = re.findall(r"[a-z0-9]+", model.lower())
    return all(word in words or f"{word}b" in words for word in re.findall(r"[a-z0-9]+", accelerator.lower()))


def _check_limits(demand: Demand, limits: dict[str, int | float]) -> None:
    for kind, amount in zip(KINDS, (demand.cpus, demand.memory, demand.gpus), strict=True):
        if amount > limits.get(kind, amount):
            raise UnsupportedError(
                f"The job asks for {kind}={amount}, and its max_resources allow "
                f"{limits[kind]:g}. Raise the one or lower the other."
            )
