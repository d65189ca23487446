"""A job's `py_modules`: a copy for each run, on its PYTHONPATH."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.removal import remove_tree


class Modules:
    """Puts modules and packages where Python looks for them."""

    def __init__(self, packages: PackageFiles) -> None:
        self._packages = packages

    def wanted(self, config: JobConfig) -> bool:
        """Whether there are any."""
        return bool(config.py_modules)

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Nothing is refused: what is packaged can be copied."""

    async def prepare(self, launch: Launch, paths: RunPaths, setup: Setup, _: Progress) -> None:
        """Copy each into a directory of its own, the first one to be found first."""
        await asyncio.to_thread(remove_tree, paths.modules)  # of a try that got no further
        for number, uri in enumerate(launch.config.py_modules or ()):
            place = paths.modules / str(number)
            await asyncio.to_thread(self._copy, setup.package("py_modules", uri), place)
            setup.python_path.append(place)

    def _copy(self, digest: str, place: Path) -> None:
        place.mkdir(parents=True)
        self._packages.materialise(digest, place)
