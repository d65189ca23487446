"""A job's `ray_version`: the Ray that its Python imports has to be that one."""

from __future__ import annotations

import asyncio
import subprocess

from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.preparation.executable import command

_ASK = "import importlib.metadata as m; print(m.version('ray'))"


class RayVersion:
    """Refuses another version; comes after the steps that decide which Python a run has."""

    def wanted(self, config: JobConfig) -> bool:
        """Whether a version is named; what an image has is looked at where the image is got."""
        return config.ray_version is not None and not config.in_image

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Refuse another version than the interpreter has, unless `requirements` may bring the right one."""
        if not config.requirements:
            python = command(config, interpreter) if config.py_executable else [interpreter or "python3"]
            await asyncio.to_thread(_check, str(config.ray_version), python)

    async def prepare(self, launch: Launch, _: RunPaths, setup: Setup, __: Progress) -> None:
        """Look at the Python that the run has got."""
        python = [setup.interpreter or "python3", *setup.arguments]
        await asyncio.to_thread(_check, str(launch.config.ray_version), python)


def _check(wanted: str, python: list[str]) -> None:
    found = subprocess.run([*python, "-c", _ASK], capture_output=True, text=True, check=False)
    version = found.stdout.strip() if found.returncode == 0 else None
    if version != wanted:
        there = f"ray {version} is installed" if version else "no ray is installed"
        raise UnsupportedError(
            f"ray_version={wanted!r}, but {there} for {' '.join(python)}. "
            f"Add 'ray=={wanted}' to requirements, or leave ray_version out."
        )
