"""A job's `requirements`: an environment with them, on top of what its interpreter has."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from functools import cached_property

from jobs_jupyter.models.errors import InvalidRequestError, PackageError, UnsupportedError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.package import SCHEME
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.models.programs import find_uv
from jobs_jupyter.models.requirements import (
    conda_hint,
    is_url,
    local_file,
    names_file,
)
from jobs_jupyter.service.interpreters import Interpreters
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.overlays import Overlays, Recipe
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.preparation.executable import command
from jobs_jupyter.service.required import Required


class Environments:
    """Gives a run the environment with its requirements, which is built where there is none yet."""

    def __init__(self, paths: StatePaths, packages: PackageFiles) -> None:
        self._paths = paths
        self._packages = packages
        self._interpreters = Interpreters()

    @cached_property
    def overlays(self) -> Overlays:
        """The environments that there are."""
        return Overlays(self._paths, self._packages, find_uv())

    def wanted(self, config: JobConfig) -> bool:
        """Whether there are requirements, for this machine's Python."""
        return bool(config.requirements) and not config.in_image

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Refuse what is no requirement, and an interpreter that nothing can be installed for."""
        check(config)
        base = _base(config, interpreter)
        try:
            await self._interpreters.ask(base)
        except ValueError as problem:
            raise UnsupportedError(f"requirements can't be installed: {problem}.") from None

    async def prepare(self, launch: Launch, _: RunPaths, setup: Setup, progress: Progress) -> None:
        """Have the run start the environment's interpreter, and find the programs that it brings."""
        job = self._paths.job(launch.job_id)
        recipe = await self.recipe(launch.config, launch.interpreter, json.loads(job.environment.read_text()))
        overlay = await self.overlays.get(recipe, progress, job.overlay)
        setup.interpreter = str(overlay.programs / "python")
        setup.path.append(overlay.programs)
        setup.variables["VIRTUAL_ENV"] = str(overlay.programs.parent)
        setup.notices.extend(overlay.differs)

    async def needed_by(self, job_id: str, config: JobConfig, interpreter: str | None) -> set[str]:
        """Return the names of the environments that a job uses, and would ask for now."""
        job, needed = self._paths.job(job_id), set()
        with contextlib.suppress(OSError):
            needed.add(job.overlay.read_text())
        with contextlib.suppress(OSError, ValueError, PackageError):
            recipe = await self.recipe(config, interpreter, json.loads(job.environment.read_text()))
            needed.add(recipe.digest())
        return needed

    async def recipe(self, config: JobConfig, interpreter: str | None, environment: dict[str, str]) -> Recipe:
        """Return what the environment of a job is made from.

        Args:
            config: the job's, with requirements.
            interpreter: the one that submitted the job.
            environment: the variables of its submitter.
        """
        base = await self._interpreters.ask(_base(config, interpreter))
        return Recipe(base, await asyncio.to_thread(Required.of, config, environment, self._packages))


def _base(config: JobConfig, interpreter: str | None) -> str:
    """Return the interpreter that the environment is for."""
    if config.py_executable is not None:
        return command(config, interpreter)[0]
    found = interpreter or shutil.which("python3") or shutil.which("python")
    if found is None:
        raise UnsupportedError(
            "requirements need a Python, and none is on the PATH; name one with py_executable."
        )
    return found


def check(config: JobConfig) -> None:
    """Refuse what is no requirement.

    Raises:
        InvalidRequestError, UnsupportedError: it is none, or can't be read by a service.
    """
    if not isinstance(config.requirements, str):
        _check_entries(config.requirements or [])
    elif "://" in config.requirements and not config.requirements.startswith(SCHEME):
        raise UnsupportedError(
            f"requirements={config.requirements!r} is a remote URI, which this service can't read. "
            "Use a local file, or a list."
        )


def _check_entries(entries: list[str]) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    for entry in entries:
        word = entry.strip()
        if local_file(word) is not None or names_file(word) or is_url(word):  # the client looks at files
            continue
        if (hint := conda_hint(word)) is not None:
            raise InvalidRequestError(f"requirements: {hint}.")
        try:
            Requirement(entry)
        except InvalidRequirement as problem:
            why = str(problem).partition("\n")[0]
            raise InvalidRequestError(
                f"requirements has {entry!r}, which is no requirement: {why}. An entry is like 'numpy>=2'; "
                "options go into a file, whose path requirements then is."
            ) from None
