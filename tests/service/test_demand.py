"""What a compute config asks of a machine: what it is admitted with, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.models.compute import read_compute_config
from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.service import machine
from jobs_jupyter.service.demand import demand_of
from jobs_jupyter.service.resources import Capacity, Demand

GIB = 2**30
MACHINE = Capacity(
    cpus=(0, 1, 2, 3), memory=16 * GIB, gpus=(0, 1), gpu_models=("NVIDIA A100-SXM4-80GB",) * 2,
    architecture="x86_64",
)  # fmt: skip
NEED = {"CPU": 2, "memory": "3Gi"}


def demand(**fields: Any) -> Demand | None:
    return demand_of(read_compute_config(fields), MACHINE)


def of_head(**required: Any) -> Demand | None:
    return demand(head_node={"required_resources": {**NEED, **required}})


def asked(cpus: int, memory: float, gpus: int = 0) -> Demand:
    return Demand(cpus, int(memory * GIB), gpus)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, None),
        ({"cloud": "local", "cloud_resource": "local"}, None),
        ({"min_resources": {}, "max_resources": {}}, None),
        ({"min_resources": {"CPU": 0, "GPU": 0, "anything": 0}}, None),
        # what is left out: one CPU, the CPUs' share of the memory, no GPU
        ({"min_resources": {"CPU": 2}}, asked(2, 8)),
        ({"min_resources": {"GPU": 1}}, asked(1, 4, 1)),
        ({"min_resources": {"memory": 6 * GIB}}, asked(1, 6)),
        ({"min_resources": {"CPU": 1.5, "GPU": 0.5, "memory": 2.5 * GIB}}, asked(2, 2.5, 1)),
        ({"max_resources": {"CPU": 3}}, asked(1, 4)),
        ({"max_resources": {"memory": 2 * GIB}}, asked(1, 2)),
        ({"max_resources": {"anything": 0}, "min_resources": {"CPU": 4}}, asked(4, 16)),
        ({"head_node": {"required_resources": NEED}, "max_resources": {"CPU": 2, "GPU": 0.5}}, asked(2, 3)),
        ({"head_node": {"required_resources": NEED}, "min_resources": {"CPU": 1, "GPU": 2}}, asked(2, 3, 2)),
        ({"head_node": {"required_resources": NEED}, "min_resources": {"memory": 5 * GIB}}, asked(2, 5)),
    ],
    ids=str,
)
def test_what_is_asked_for(fields: dict[str, Any], wanted: Demand | None) -> None:
    assert demand(**fields) == wanted


@pytest.mark.parametrize(
    ("required", "wanted"),
    [
        ({}, asked(2, 3)),
        ({"CPU": 4, "memory": 16 * GIB, "GPU": 2}, asked(4, 16, 2)),
        ({"GPU": 0, "TPU": 0}, asked(2, 3)),
        ({"cpu_architecture": "x86_64"}, asked(2, 3)),
        ({"GPU": 2, "accelerator": "A100"}, asked(2, 3, 2)),
        ({"accelerator": "A100-80G"}, asked(2, 3, 1)),
    ],
    ids=str,
)
def test_what_is_asked_of_the_head(required: dict[str, Any], wanted: Demand) -> None:
    assert of_head(**required) == wanted


@pytest.mark.parametrize(
    ("required", "said"),
    [
        ({"CPU": 5}, "asks for CPU=5, where jobs have 4. Ask for less, or run the job elsewhere"),
        ({"memory": "17Gi"}, r"memory=17\.0 GiB, where jobs have 16\.0 GiB"),
        ({"memory": 16 * GIB + 1}, f"memory={16 * GIB + 1} bytes, where jobs have {16 * GIB} bytes"),
        ({"GPU": 3}, "GPU=3, where jobs have 2"),
        ({"CPU": 8, "GPU": 8}, "CPU=8, where jobs have 4 and GPU=8, where jobs have 2"),
        ({"TPU": 4}, "TPU=4, where there is none"),
        ({"tpu_hosts": 1}, "TPU=1, where there is none"),
        ({"cpu_architecture": "arm64"}, "cpu_architecture='arm64', where it is 'x86_64'"),
        ({"GPU": 1, "accelerator": "H100"}, "accelerator='H100', where the GPUs are: NVIDIA A100-SXM4-80GB"),
        ({"accelerator": "A10"}, "accelerator='A10'"),
        ({"accelerator": "A100-40G"}, "accelerator='A100-40G'"),
    ],
    ids=str,
)
def test_what_the_machine_can_never_meet(required: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        of_head(**required)


def test_gpus_that_are_not_there_or_not_known() -> None:
    with pytest.raises(UnsupportedError, match="GPU=1, where jobs have none"):
        demand_of(read_compute_config({"min_resources": {"GPU": 1}}), Capacity((0,), GIB, ()))
    wanted = read_compute_config({"head_node": {"required_resources": {**NEED, "accelerator": "T4"}}})
    for models, there in (((), "none that is known"), (("Tesla T4", "Tesla K80"), "Tesla T4, Tesla K80")):
        with pytest.raises(UnsupportedError, match=f"accelerator='T4', where the GPUs are: {there}"):
            demand_of(wanted, Capacity((0, 1), 4 * GIB, (0, 1), models))
    assert demand_of(wanted, Capacity((0, 1), 4 * GIB, (0,), ("Tesla T4",))) == asked(2, 3, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"zones": ["a"], "enable_cross_zone_scaling": True},
        {"worker_nodes": []},
        {
            "worker_nodes": [
                {"instance_type": "m5", "market_type": "SPOT", "min_nodes": 3, "labels": {"a": "b"}}
            ]
        },
        {"auto_select_worker_config": True},
    ],
    ids=str,
)
def test_what_means_nothing_on_one_machine(fields: dict[str, Any]) -> None:
    assert demand(**fields) is None
    head = {"required_resources": NEED, "cloud_deployment": {"region": "a"}}
    assert demand(**fields, head_node=head) == asked(2, 3)
    with pytest.raises(UnsupportedError, match="instance_type='m5': this machine is of no instance type"):
        demand(**fields, head_node={"instance_type": "m5"})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"cloud": "aws"}, "no cloud 'aws' here; the clouds: local"),
        ({"cloud_resource": "east"}, "cloud_resource='east': it names another machine"),
        ({"flags": {"a": 1}}, "flags={'a': 1}"),
        ({"advanced_instance_config": {"a": 1}}, "advanced_instance_config"),
        (
            {"min_resources": {"cpu": 2}},
            "min_resources has cpu=2, and the resources here are CPU, memory, GPU",
        ),
        ({"min_resources": {"TPU": 1.5}}, r"TPU=1\.5, and the resources here are CPU"),
        ({"min_resources": {"memory": 8}}, "memory=8, which is in bytes and less than 1 MiB"),
        ({"max_resources": {"memory": 0}}, "memory=0, which is in bytes"),
        ({"max_resources": {"CPU": 0.5}}, r"asks for CPU=1, and its max_resources allow 0\.5"),
        ({"min_resources": {"GPU": 2}, "max_resources": {"GPU": 1}}, "GPU=2, and its max_resources allow 1"),
        ({"min_resources": {"memory": 2 * GIB}, "max_resources": {"memory": GIB}}, "memory=2147483648, and"),
        ({"configs": [{}], "flags": {"a": 1}}, "flags={'a': 1}"),
    ],
    ids=str,
)
def test_what_cannot_be_honoured(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsupportedError, match=said):
        demand(**fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("resources", {"x": 1}),
        ("labels", {"a": "b"}),
        ("required_labels", {"a": "b"}),
        ("advanced_instance_config", {"a": 1}),
        ("flags", {"a": 1}),
    ],
)
def test_what_cannot_be_honoured_of_the_head(field: str, value: Any) -> None:
    with pytest.raises(UnsupportedError, match=rf"head_node\.{field}="):
        demand(head_node={"required_resources": NEED, field: value})
    assert demand(head_node={"required_resources": NEED, field: {}}) == asked(2, 3)


def test_the_first_of_several_that_can_be_met() -> None:
    big = {"cloud_resource": "local", "min_resources": {"CPU": 99}}
    small = {"min_resources": {"CPU": 2}}
    elsewhere = {"cloud_resource": "east", "min_resources": {"CPU": 1}}
    assert demand(configs=[elsewhere, {**small, "cloud_resource": "local"}, {}]) == asked(2, 8)
    assert demand(configs=[big, small]) == asked(2, 8)
    assert demand(configs=[{}, {**small, "cloud_resource": "local"}]) is None
    with pytest.raises(UnsupportedError, match=r"None of .* 1\. .*'east'.* 2\. .*CPU=99"):
        demand(configs=[elsewhere, big])
    with pytest.raises(UnsupportedError, match="no cloud 'aws'"):
        demand(cloud="aws", configs=[small])


AMOUNTS = st.fixed_dictionaries(
    {}, optional={"CPU": st.integers(0, 6), "GPU": st.integers(0, 3), "memory": st.integers(0, 20)}
)


@given(least=AMOUNTS, most=AMOUNTS)
def test_a_demand_is_at_least_what_is_asked_and_at_most_what_is_allowed_and_there(
    least: dict[str, int], most: dict[str, int]
) -> None:
    there = {"CPU": 4, "GPU": 2, "memory": 16}
    needs = {"CPU": 1, "GPU": 0, "memory": 1}  # of anything that asks for something
    at_least = {kind: max(least.get(kind, 0), needs[kind]) for kind in needs}
    asks = bool(most) or any(least.values())
    possible = all(at_least[kind] <= min(there[kind], most.get(kind, 99)) for kind in there)
    fields = {"min_resources": in_bytes(least), "max_resources": in_bytes(most)}
    if not possible and asks:
        with pytest.raises(UnsupportedError):
            demand(**fields)
        return
    found = demand(**fields)
    assert (found is not None) == asks
    if found is not None:
        given_ = {"CPU": found.cpus, "GPU": found.gpus, "memory": found.memory / GIB}
        assert all(at_least[kind] <= given_[kind] <= min(there[kind], most.get(kind, 99)) for kind in there)
        assert all(given_[kind] == amount for kind, amount in least.items() if amount)


def in_bytes(amounts: dict[str, int]) -> dict[str, int]:
    return {kind: amount * (GIB if kind == "memory" else 1) for kind, amount in amounts.items()}


def test_the_models_of_gpus_are_read_from_the_driver(tmp_path: Path) -> None:
    """A driver's directory is imitated, since there may be no GPU here."""
    for bus, model in (("0000:81:00.0", "Tesla T4"), ("0000:01:00.0", "NVIDIA A100-SXM4-80GB")):
        (tmp_path / bus).mkdir()
        (tmp_path / bus / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 16\nGPU UUID: \t x\n")
    assert machine.gpu_models(str(tmp_path)) == ("NVIDIA A100-SXM4-80GB", "Tesla T4")
    assert machine.gpu_models(str(tmp_path / "none")) == ()
