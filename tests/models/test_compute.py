"""The rules of compute configs and queues."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from jobs_jupyter.job.models import (
    ComputeConfig,
    HeadNodeConfig,
    JobConfig,
    JobQueueConfig,
    JobQueueSpec,
    JobStatus,
    MarketType,
    MultiResourceComputeConfig,
    RequiredResources,
    WorkerNodeGroupConfig,
)
from jobs_jupyter.models.base import Model
from jobs_jupyter.models.compute import memory_bytes

TYPE = {"instance_type": "m5"}
NEED = {"CPU": 1, "memory": "8Gi"}
SPEC = {"idle_timeout_s": 0}

REFUSED: list[tuple[type[Model], dict[str, Any], str]] = [
    (HeadNodeConfig, {}, "neither"),
    (HeadNodeConfig, {**TYPE, "required_resources": NEED}, "both"),
    (HeadNodeConfig, {**TYPE, "resources": {"CPU": -1}}, "resources"),
    (HeadNodeConfig, {**TYPE, "resources": {"CPU": float("nan")}}, "resources"),
    (HeadNodeConfig, {**TYPE, "resources": {"CPU": True}}, "resources"),
    (HeadNodeConfig, {**TYPE, "resources": {"CPU": 10**400}}, "must be a finite number"),
    (HeadNodeConfig, {**TYPE, "flags": {"a": float("nan")}}, "must hold finite numbers only"),
    (
        HeadNodeConfig,
        {**TYPE, "advanced_instance_config": {"a": [{"b": float("inf")}]}},
        "finite numbers only",
    ),
    (HeadNodeConfig, {**TYPE, "cloud_deployment": {"nope": "a"}}, "no such field"),
    (WorkerNodeGroupConfig, {**TYPE, "max_nodes": 0}, "max_nodes"),
    (WorkerNodeGroupConfig, {**TYPE, "min_nodes": -1}, "min_nodes"),
    (WorkerNodeGroupConfig, {**TYPE, "min_nodes": 11}, "max_nodes is 10"),
    (WorkerNodeGroupConfig, {**TYPE, "market_type": "STOLEN"}, "use one of ON_DEMAND"),
    (ComputeConfig, {"worker_nodes": [TYPE, TYPE]}, "distinct names"),
    (ComputeConfig, {"worker_nodes": [], "auto_select_worker_config": True}, "exclude each other"),
    (ComputeConfig, {"zones": []}, "zones"),
    (ComputeConfig, {"min_resources": {"CPU": -1}}, "min_resources"),
    (ComputeConfig, {"max_resources": {"CPU": "1"}}, "max_resources"),
    (MultiResourceComputeConfig, {"configs": []}, "configs"),
    (MultiResourceComputeConfig, {"configs": [{"cloud_resource": "a"}] * 2}, "distinct"),
    (MultiResourceComputeConfig, {"configs": [{}, {}]}, "no cloud_resource"),
    (MultiResourceComputeConfig, {"cloud": "a", "configs": [{"cloud": "b"}]}, "several clouds"),
    (
        MultiResourceComputeConfig,
        {"configs": [{"cloud": "a"}, {"cloud": "b", "cloud_resource": "c"}]},
        r"several clouds \(a, b\)",
    ),
    (RequiredResources, {"CPU": 1}, "memory"),
    (RequiredResources, {"memory": "8Gi"}, "CPU"),
    (RequiredResources, {**NEED, "CPU": 0}, "CPU"),
    (RequiredResources, {**NEED, "CPU": 513}, "CPU"),
    (RequiredResources, {**NEED, "memory": 2**20 - 1}, "between 1Mi and 24Ti"),
    (RequiredResources, {**NEED, "memory": "25Ti"}, "between 1Mi and 24Ti"),
    (RequiredResources, {**NEED, "memory": "lots"}, "8Gi"),
    (RequiredResources, {**NEED, "GPU": 17}, "GPU"),
    (RequiredResources, {**NEED, "GPU": -1}, "GPU"),
    (RequiredResources, {**NEED, "TPU": -1}, "TPU"),
    (RequiredResources, {**NEED, "tpu_hosts": 0}, "tpu_hosts"),
    (RequiredResources, {**NEED, "cpu_architecture": "vax"}, "cpu_architecture"),
    (JobQueueSpec, {}, "idle_timeout_s"),
    (JobQueueSpec, {"idle_timeout_s": -1}, "idle_timeout_s"),
    (JobQueueSpec, {**SPEC, "max_concurrency": 0}, "max_concurrency"),
    (JobQueueSpec, {**SPEC, "auto_termination_threshold_job_count": 0}, "auto_termination"),
    (JobQueueSpec, {**SPEC, "execution_mode": "RANDOM"}, "use one of FIFO"),
    (JobQueueConfig, {"target_job_queue_name": "a", "job_queue_spec": SPEC}, "exclude each other"),
]


@pytest.mark.parametrize(("model", "fields", "message"), REFUSED, ids=str)
def test_refused(model: type[Model], fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        model(**fields)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (HeadNodeConfig, {"required_resources": NEED, "resources": {"CPU": 0, "x": 1.5}}),
        (WorkerNodeGroupConfig, {**TYPE, "min_nodes": 10, "market_type": "prefer_spot"}),
        (ComputeConfig, {"worker_nodes": [], "zones": ["a"]}),
        (ComputeConfig, {"worker_nodes": [TYPE, {**TYPE, "name": "b"}]}),
        (ComputeConfig, {"worker_nodes": [{"required_resources": NEED}] * 2}),
        (MultiResourceComputeConfig, {"configs": [{"cloud_resource": "a"}, {"cloud_resource": "b"}]}),
        (RequiredResources, {"CPU": 512, "memory": 24 * 2**40, "GPU": 16, "cpu_architecture": "arm64"}),
        (JobQueueSpec, {**SPEC, "execution_mode": "lifo", "compute_config": "a:1"}),
    ],
)
def test_round_trip(model: type[Model], fields: dict[str, Any]) -> None:
    value = model(**fields)
    assert model(**value.to_dict()) == value


def test_defaults() -> None:
    group = WorkerNodeGroupConfig(instance_type="m5")
    assert (group.min_nodes, group.max_nodes, group.market_type) == (0, 10, MarketType.ON_DEMAND)
    assert (group.name, group.options(instance_type="m6").name) == ("m5", "m6")
    assert group.model_fields_set == {"instance_type"}
    head = HeadNodeConfig.from_dict({"instance_type": "custom", "required_resources": NEED})
    assert head.to_dict() == {"required_resources": NEED}, "a type that says nothing"


@pytest.mark.parametrize(
    ("given", "size"), [(5, 5), ("1Mi", 2**20), ("8Gi", 8 * 2**30), ("1.5GiB", 3 * 2**29), ("2GB", 2 * 10**9)]
)
def test_memory(given: int | str, size: int) -> None:
    assert memory_bytes(given) == size


NODE: dict[str, Any] = {
    "required_resources": {
        **NEED,
        "GPU": 1,
        "accelerator": "T4",
        "TPU": 4,
        "tpu_hosts": 2,
        "cpu_architecture": "x86_64",
    },
    "resources": {"CPU": 0, "disk": 1.5},
    "labels": {"a": "b"},
    "required_labels": {"c": "d"},
    "advanced_instance_config": {"e": [{"f": 1.5}]},
    "flags": {"g": None},
    "cloud_deployment": {"provider": "aws", "region": "us-1", "machine_pool": "pool", "id": "cld_1"},
}
GROUP = {**NODE, "name": "big", "min_nodes": 1, "max_nodes": 2, "market_type": "SPOT"}
EVERYTHING: dict[str, Any] = {
    "cloud": "aws",
    "cloud_resource": "vm",
    "head_node": NODE,
    "worker_nodes": [GROUP, {**GROUP, "name": "small", "market_type": "PREFER_SPOT"}],
    "min_resources": {"CPU": 1},
    "max_resources": {"CPU": 2.5},
    "zones": ["us-1a"],
    "enable_cross_zone_scaling": True,
    "advanced_instance_config": {"h": True},
    "flags": {"i": "j"},
    "auto_select_worker_config": False,
}


def test_every_field_is_there_and_comes_back() -> None:
    assert ComputeConfig.from_dict(EVERYTHING).to_dict() == EVERYTHING
    several = {"cloud": "aws", "configs": [EVERYTHING], "flags": {"k": 1}}
    assert MultiResourceComputeConfig.from_dict(several).to_dict() == several


def test_what_is_stored_is_read_though_it_would_be_refused() -> None:
    """One job that can't be read would take the list of all with it."""
    config = {"entrypoint": "true", "compute_config": {"flags": {"a": float("inf")}}}
    status = {"id": "prodjob_1", "name": "a", "state": "FAILED", "creator_id": "me", "config": config}
    assert JobStatus.from_dict(status).config.compute_config is not None
    with pytest.raises(ValidationError, match="finite numbers only"):
        JobConfig.from_dict(config)


REQUIRED: dict[str, Any] = {"CPU": 2, "memory": "1Gi", "GPU": 1}


@pytest.mark.parametrize(
    "given",
    [
        {"cpu": 2, "Memory": "1Gi", "gpu": 1, "anyscale/tpu_hosts": 1},
        {"Cpu": 2, "MEMORY": "1Gi", "Gpu": 1, "TPU_HOSTS": 1},
        {**REQUIRED, "anyscale_tpu_hosts": 1},
    ],
)
def test_required_resources_take_names_in_any_case(given: dict[str, Any]) -> None:
    head = HeadNodeConfig.from_dict({"required_resources": given})
    assert head.required_resources == RequiredResources(**REQUIRED, tpu_hosts=1)


def test_a_name_in_two_cases_is_refused() -> None:
    with pytest.raises(ValidationError, match="CPU is given twice, once as 'cpu'; keep one"):
        RequiredResources.from_dict({"CPU": 2, "cpu": 3, "memory": "1Gi"})


def test_a_worker_group_is_named_after_its_instance_type() -> None:
    assert WorkerNodeGroupConfig(instance_type="m5").name == "m5"
    assert WorkerNodeGroupConfig(instance_type="m5", name="big").name == "big"
    assert WorkerNodeGroupConfig.from_dict({"required_resources": REQUIRED}).name is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"resources": {"CPU": 3}, "required_resources": REQUIRED},
            "resources has CPU: 3, and required_resources only 2",
        ),
        ({"resources": {"gpu": 2}, "required_resources": REQUIRED}, "resources has GPU: 2"),
        ({"resources": {"Memory": 2**31}, "required_resources": REQUIRED}, "resources has memory"),
        (
            {"required_labels": {"ray.io/accelerator-type": "T4"}, "instance_type": "m5"},
            "say how many with GPU",
        ),
        (
            {
                "required_labels": {"ray.io/accelerator-type": "T4"},
                "required_resources": {"CPU": 1, "memory": "1Gi"},
            },
            "say how many with GPU",
        ),
        (
            {"required_labels": {"ray.io/accelerator-type": "TPU-V4"}, "required_resources": REQUIRED},
            "give TPU and tpu_hosts",
        ),
    ],
)
def test_what_a_node_cannot_be(fields: dict[str, Any], said: str) -> None:
    for model in (HeadNodeConfig, WorkerNodeGroupConfig):
        with pytest.raises(ValidationError, match=said):
            model(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"resources": {"CPU": 2, "special": 9}, "required_resources": REQUIRED},
        {"resources": {"GPU": 2}, "required_resources": {"CPU": 1, "memory": "1Gi"}},
        {"resources": {"CPU": 99}, "instance_type": "m5"},
        {"required_labels": {"ray.io/accelerator-type": "T4"}, "required_resources": REQUIRED},
    ],
)
def test_what_a_node_can_be(fields: dict[str, Any]) -> None:
    HeadNodeConfig(**fields)
