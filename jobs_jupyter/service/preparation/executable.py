"""A job's `py_executable`: what its `python` executes, a path or a command with arguments."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.preparation import Progress, Setup

PYTHONS = ("python", "python3")


class Executable:
    """Puts another command in the place of the interpreter that submitted the job."""

    def wanted(self, config: JobConfig) -> bool:
        """Whether one is named."""
        return config.py_executable is not None

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Refuse what is not there, or can't be executed."""
        command(config, interpreter)

    async def prepare(self, launch: Launch, _: RunPaths, setup: Setup, __: Progress) -> None:
        """Have the run's `python` be that command."""
        setup.interpreter, *setup.arguments = command(launch.config, launch.interpreter)


def command(config: JobConfig, interpreter: str | None) -> list[str]:
    """Return the command of `py_executable`, its program by an absolute path.

    A name without a slash is looked for on the PATH of `env_vars`; without one, beside the interpreter
    that submits the job, where `python` is that one, and then on the service's PATH.

    Raises:
        UnsupportedError: there is no such program here, or it can't be executed.
    """
    assert config.py_executable is not None
    name, *arguments = shlex.split(config.py_executable)
    own_path = (config.env_vars or {}).get("PATH")
    if name in PYTHONS and own_path is None and interpreter:
        return [interpreter, *arguments]
    beside = [str(Path(interpreter).parent)] if interpreter else []
    path = own_path or os.pathsep.join([*beside, os.environ.get("PATH", os.defpath)])
    place = os.path.expanduser(name)
    found = shutil.which(place, path=path) if "/" not in place or os.path.isabs(place) else None
    if found is None:
        raise UnsupportedError(
            f"py_executable={config.py_executable!r}: {_why_not(place)} on this machine; name a Python by "
            "its absolute path, such as '/usr/bin/python3 -X dev'."
        )
    return [os.path.abspath(found), *arguments]


def _why_not(place: str) -> str:
    if "/" in place and not os.path.isabs(place):
        return f"{place!r} is no absolute path, and what it would be counted from is not there yet"
    return f"{place!r} can't be executed" if os.path.exists(place) else f"there is no program {place!r}"
