"""What it takes to start one run."""

from __future__ import annotations

from dataclasses import dataclass

from jobs_jupyter.models.job import JobConfig


@dataclass(frozen=True)
class Launch:
    """All that a runner needs to know of one run.

    `number` counts the tries at starting it, each with a claim of its own; `boot_id` says during
    which life of the machine the last one was. `cpus` and `memory` (bytes) are what it is held to, where
    it asked for that; `cpu_list` and `gpu_list` are the indices that it has leased, such as `0,2`.
    """

    job_id: str
    job_name: str
    run: str
    attempt: int
    number: int
    boot_id: str
    config: JobConfig
    interpreter: str | None
    stopping: bool
    queue_id: str | None = None
    cluster: int = 0
    cpus: int | None = None
    memory: int | None = None
    cpu_list: str | None = None
    gpu_list: str | None = None
