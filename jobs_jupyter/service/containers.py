"""How a run starts in a container, and what its shim has to know for that.

The run's directory has the same path within, so that all variables that name one are right. The
engine's client is told neither variables nor the command: a script with both goes through its
standard input, so they are in no list of processes and in none of the engine's files.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service import machine
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.launch import Launch

_EXPORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_READ_ONLY = frozenset({"UID", "EUID", "PPID", "SHELLOPTS", "BASHOPTS", "BASH_VERSINFO"})  # in some shells
_ALL_TO_END = "kill -TERM -1"  # all but the first process, which waits for the others


@dataclass(frozen=True)
class Container:
    """What a run's container is made of: an image, by its id."""

    engine: Engine
    image: str
    network: str | None = None  # as the engine calls it; None: its own default


def name_of(run: str) -> str:
    """Return the name of a run's container."""
    return f"jobs-jupyter-{run}"


def check_path(home: Path) -> None:
    """Raise UnsupportedError for a state directory that no engine can be told of."""
    if set(str(home)) & set(',"\n'):
        raise UnsupportedError(
            f"the state directory {str(home)!r} has a comma, a quote or a line break in its path, which "
            "container engines can't mount. Set JOBS_JUPYTER_HOME to another one"
        )


def spec(
    container: Container,
    launch: Launch,
    paths: RunPaths,
    variables: dict[str, str | None],
    scratch: Path | None,
) -> dict[str, Any]:
    """Return what of a shim's spec differs for a run in a container."""
    engine, name = container.engine, name_of(launch.run)
    named = {key: value for key, value in variables.items() if not _by_script(key) and value is not None}
    limited = launch.memory if "memory" in engine.controls else None
    argv = [
        *[engine.program, "run", "--interactive", "--name", name],
        *["--label", f"jobs-jupyter.job={launch.job_id}"],
        *["--pull", "never", "--log-driver", "none", "--entrypoint", "", "--user", engine.user],
        *["--stop-timeout", "0"],  # what is removed has had its time
        *["--security-opt", "label=disable"],  # SELinux would forbid it the run's directory
        *["--workdir", str(paths.work), *_mounts(paths.root, scratch)],
        *_held_to(engine, launch),
        *(["--network", container.network] if container.network else []),
        *[word for key in named for word in ("--env", key)],  # its value is in the client's environment
        *[container.image, "/bin/sh"],
    ]
    return {
        "program": engine.program,
        "argv": argv,
        "environment": None,
        "extra": {**named, "JOBS_JUPYTER_RUN_NAME": launch.run},
        "stdin": script(launch.config.entrypoint, variables, str(paths.log), engine.user),
        "memory": None if limited else launch.memory,  # else the shim keeps it
        "cgroup": None,
        "container": {**_commands(engine, name), "memory": limited},
    }


def script(entrypoint: str, variables: dict[str, str | None], log: str, user: str) -> str:
    """Return what the container's first process, a shell, does: it waits for the job, which writes its log.

    A shell is there to wait since a first process would not hear of SIGTERM by itself.
    """
    lines = [] if user.startswith("0:") else ['[ -w "${HOME:-/}" ] || export HOME=/tmp']
    for name, value in variables.items():
        if _by_script(name):
            lines.append(f"unset {name}" if value is None else f"export {name}={quoted(value)}")
    job = f"/bin/sh -c {quoted(entrypoint)} </dev/null >>{quoted(log)} 2>&1"
    return "\n".join([*lines, f"{{ {job}", "exit $?", "}", ""])


def quoted(text: str) -> str:
    """Return the text as one word of a shell's script."""
    return "'" + text.replace("'", "'\\''") + "'"


def _by_script(name: str) -> bool:
    """Whether a shell can set a variable of this name."""
    return _EXPORTABLE.fullmatch(name) is not None and name not in _READ_ONLY


def _mounts(root: Path, scratch: Path | None) -> list[str]:
    places = [str(place) for place in (root, scratch) if place]
    return [word for place in places for word in ("--mount", f"type=bind,source={place},target={place}")]


def _held_to(engine: Engine, launch: Launch) -> list[str]:
    """Return the arguments for what a run has leased; /dev/shm is no limit of its own."""
    memory = launch.memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    words = ["--shm-size", str(memory)]
    leased = {int(index) for index in (launch.cpu_list or "").split(",") if index}
    # elsewhere engines have a virtual machine, whose CPUs are others
    cpus = sorted(leased.intersection(machine.cpu_indices())) if machine.LINUX else []
    if cpus and "cpuset" in engine.controls:
        words += ["--cpuset-cpus", ",".join(map(str, cpus))]
    elif launch.cpus and "cpu" in engine.controls:
        words += ["--cpus", str(launch.cpus)]
    if launch.memory and "memory" in engine.controls:
        words += ["--memory", str(launch.memory)]
    return words + (engine.gpus(launch.gpu_list) if launch.gpu_list else [])


def _commands(engine: Engine, name: str) -> dict[str, list[str]]:
    return {
        "stop": [engine.program, "exec", name, "/bin/sh", "-c", _ALL_TO_END],
        "inspect": [engine.program, "inspect", "--format", "{{json .State}}", name],
        "remove": [engine.program, "rm", "--force", "--volumes", name],
    }
