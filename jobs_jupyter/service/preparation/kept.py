"""Copies of a job's packages where the setting `package_store` says, before its first run."""

from __future__ import annotations

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.package import is_package_uri, package_digest
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import environment
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.package_store import PackageStore
from jobs_jupyter.service.preparation import Progress, Setup


class Kept:
    """Keeps what was packaged of local directories; what came from a remote store is there already."""

    def __init__(self, paths: StatePaths, store: PackageStore) -> None:
        self._paths = paths
        self._store = store

    def wanted(self, config: JobConfig) -> bool:
        """Whether the job has packages of directories."""
        return bool(_digests(config))

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Nothing is refused: whether the store can be written, shows when it is."""

    async def prepare(self, launch: Launch, _: RunPaths, __: Setup, progress: Progress) -> None:
        """Keep each that is not kept yet."""
        variables = environment.of_job(self._paths.job(launch.job_id), launch.config)
        for digest in _digests(launch.config):
            await self._store.ensure(digest, variables, progress.say)


def _digests(config: JobConfig) -> list[str]:
    named = [config.working_dir, *(config.py_modules or ())]
    return [package_digest(uri) for uri in named if uri is not None and is_package_uri(uri)]
