"""What a job's config names by remote URIs, fetched once for all of its runs."""

from __future__ import annotations

from jobs_jupyter.models.job import JobConfig, remotes_of
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import environment
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.remote.fetching import Remotes
from jobs_jupyter.service.store import remotes
from jobs_jupyter.service.store.database import Database


class Fetched:
    """Makes packages of remote directories and archives."""

    def __init__(self, paths: StatePaths, database: Database, fetching: Remotes) -> None:
        self._paths = paths
        self._database = database
        self._fetching = fetching

    def wanted(self, config: JobConfig) -> bool:
        """Whether the config names any."""
        return bool(remotes_of(config))

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Nothing is refused here: what there is, is looked at with the job's environment."""

    async def prepare(self, launch: Launch, _: RunPaths, setup: Setup, progress: Progress) -> None:
        """Fetch each, unless an earlier run or another job did."""
        variables = environment.of_job(self._paths.job(launch.job_id), launch.config)
        for each in await self._database.read(remotes.of_job, launch.job_id):
            digest = await self._fetching.package(launch.job_id, each, variables, progress)
            setup.packages[each.field, each.uri] = digest
