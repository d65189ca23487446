"""What a machine has to give, and what a job asks for: the words of admission."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Demand:
    """What a job asks for while it runs: whole CPUs, bytes of memory, whole GPUs."""

    cpus: int
    memory: int
    gpus: int

    def fits(self, free: Demand) -> bool:
        """Whether there is enough of everything that is asked for."""
        return all(
            not asked or asked <= there
            for asked, there in (
                (self.cpus, free.cpus),
                (self.memory, free.memory),
                (self.gpus, free.gpus),
            )
        )

    def __sub__(self, other: Demand) -> Demand:
        return Demand(self.cpus - other.cpus, self.memory - other.memory, self.gpus - other.gpus)


NOTHING = Demand(0, 0, 0)


def architecture() -> str:
    """Return this machine's kind of CPU, as compute configs call it: `x86_64` or `arm64`."""
    machine = os.uname().machine
    return {"amd64": "x86_64", "aarch64": "arm64"}.get(machine, machine)


@dataclass(frozen=True)
class Capacity:
    """What this machine can give to jobs: the indices of CPUs and GPUs, and bytes of memory.

    `gpu_models` are the names of the GPUs' models, such as `Tesla T4`, as far as they are known.
    """

    cpus: tuple[int, ...]
    memory: int
    gpus: tuple[int, ...]
    gpu_models: tuple[str, ...] = ()
    architecture: str = field(default_factory=architecture)

    @property
    def total(self) -> Demand:
        """All of it, counted."""
        return Demand(len(self.cpus), self.memory, len(self.gpus))
