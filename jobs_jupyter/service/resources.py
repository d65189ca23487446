"""What a machine has to give, and what a job asks for: the words of admission."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Capacity", "Demand"]


@dataclass(frozen=True)
class Capacity:
    """What this machine can give to jobs."""

    cpus: tuple[int, ...]
    """The indices of the CPUs."""
    memory: int
    """In bytes."""
    gpus: tuple[int, ...]
    """The indices of the GPUs."""


@dataclass(frozen=True)
class Demand:
    """What a job asks for while it runs."""

    cpus: int
    """A number of whole CPUs."""
    memory: int
    """In bytes."""
    gpus: int
    """A number of whole GPUs."""
