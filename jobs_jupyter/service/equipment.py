"""What this machine gives to jobs, as the service finds it: a program that prints it as JSON.

`python -m jobs_jupyter.service.equipment` is how the command line learns of it, which does not
import the service.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from jobs_jupyter.models.settings import Settings
from jobs_jupyter.service import cgroups, machine
from jobs_jupyter.service.resources import Capacity


def equipment() -> dict[str, Any]:
    """Return what there is and what of it can be used: indices of CPUs and GPUs, bytes of memory.

    `limits` is how a limit on memory is kept: the `version` of control groups that this process is
    in with a memory controller (None: there is none) and the `place` where groups for runs can be
    made (None: they can't, and a run's memory is watched instead).
    """
    group = cgroups.own("memory")
    return {
        "cpus": machine.cpu_indices(),
        "cpus_there": os.cpu_count() or 1,
        "memory": machine.memory_bytes(),
        "memory_there": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": machine.gpu_indices(),
        "limits": {"version": group and group.version, "place": group and cgroups.place_for_limits()},
    }


def capacity_of(settings: Settings) -> Capacity:
    """Return what jobs get together: what is set, else what there is.

    More CPUs or GPUs may be set than there are; those that are not there are numbered on.
    """
    cpus = machine.cpu_indices()
    if settings.cpus is not None:
        beyond = range(max(cpus) + 1, max(cpus) + 1 + settings.cpus)
        cpus = (*cpus, *beyond)[: settings.cpus]
    gpus = settings.gpus if settings.gpus is not None else machine.gpu_indices()
    return Capacity(
        cpus,
        machine.memory_bytes() if settings.memory_bytes is None else settings.memory_bytes,
        tuple(range(gpus)) if isinstance(gpus, int) else tuple(gpus),
        machine.gpu_models(),
    )


if __name__ == "__main__":
    sys.stdout.write(json.dumps(equipment()) + "\n")
