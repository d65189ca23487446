"""What jobs get together: what is set, else what the machine has."""

from __future__ import annotations

from jobs_jupyter.models.settings import Settings
from jobs_jupyter.service import machine
from jobs_jupyter.service.equipment import capacity_of


def test_what_is_set_wins_over_what_there_is() -> None:
    there = capacity_of(Settings())
    assert (there.cpus, there.memory, there.gpus) == (
        machine.cpu_indices(),
        machine.memory_bytes(),
        machine.gpu_indices(),
    )
    fewer = capacity_of(Settings(cpus=1, memory="1Gi", gpus=0))
    assert (fewer.cpus, fewer.memory, fewer.gpus) == (there.cpus[:1], 2**30, ())
    more = capacity_of(Settings(cpus=len(there.cpus) + 3, gpus=2))
    assert more.cpus[: len(there.cpus)] == there.cpus
    assert len(set(more.cpus)) == len(there.cpus) + 3
    assert more.gpus == (0, 1)
    assert capacity_of(Settings(gpus=[3, 1])).gpus == (3, 1)
