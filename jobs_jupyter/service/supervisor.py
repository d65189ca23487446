"""The one loop that moves jobs on: recover once, then start what may start, whenever something changes.

Every step is written down before it is done, so that a service killed between any two of them
finds out after its restart what was done and what was not.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Coroutine
from typing import Any

from sqlalchemy import Connection, Row

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import machine
from jobs_jupyter.service.clock import SECOND, Clock
from jobs_jupyter.service.feed import Feed
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.runners import Launch
from jobs_jupyter.service.runners.local import LocalRunner
from jobs_jupyter.service.scheduler import Waiting, plan
from jobs_jupyter.service.store import changes, packages, queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.records import TERMINAL, job_row

log = logging.getLogger(__name__)
PREPARED_AT_ONCE = 8


class Supervisor:
    """Starts, adopts, stops and ends the runs of one service."""

    def __init__(self, paths: StatePaths, database: Database, feed: Feed, clock: Clock) -> None:
        self.paths = paths
        self.database = database
        self.clock = clock
        self.packages = PackageFiles(paths)
        self.runner = LocalRunner(paths, self.packages, self._ended)
        self._feed = feed
        self._boot_id = machine.boot_id()
        self._changed = asyncio.Event()
        self._starting: set[str] = set()
        self._preparing = asyncio.Semaphore(PREPARED_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def change(self, what: Callable[..., Any], *args: Any) -> Any:
        """Commit a change of the store at the time now, then tell the feed and this loop."""
        result = await self.database.write(what, *args, self.clock.now())
        self._feed.wake()
        self._changed.set()
        return result

    async def run(self) -> None:
        """Start jobs as they may start, for as long as the service lives."""
        while True:
            self._changed.clear()
            rows = await self.database.read(queries.waiting)
            waiting = [Waiting(job_id, due_at) for job_id, due_at in rows if job_id not in self._starting]
            now = self.clock.now()
            decided = plan(waiting, now)
            for job_id in decided.start:
                self._starting.add(job_id)
                self._spawn(self._start(job_id))
            left = None if decided.look_again_at is None else (decided.look_again_at - now) / SECOND
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()

    async def recover(self) -> None:
        """Find every run again that an earlier service began, and sweep up after deleted jobs.

        To be done before the first request: a job that is being submitted has files before it has a row.
        """
        await self.runner.shims.warm_up()
        await self._sweep()
        for row in await self.database.read(queries.alive):
            launch = await self.database.read(_launch, row)
            if row.boot_id != self._boot_id:
                self.runner.lost(launch)
            elif not await self.runner.adopt(launch):
                self._spawn(self._start_again(row.name))
            if await self.database.read(queries.stopping, row.name):
                self.runner.stop(launch)

    async def terminate(self, job_id: str) -> None:
        """Ask for a job's end; its processes are gone within the grace period."""
        living = await self.change(changes.request_stop, job_id)
        if living is not None:
            self.runner.stop(await self.database.read(_launch, living))
        else:
            await self._tidy(job_id)

    async def delete(self, job_id: str) -> None:
        """Delete a terminal job, its files, and a package that only it used."""
        package = await self.change(changes.remove, job_id)
        await asyncio.to_thread(shutil.rmtree, self.paths.job(job_id).root, ignore_errors=True)
        if package is not None:
            await self._release(package)

    async def close(self) -> None:
        """Leave all runs to their shims."""
        for task in self._tasks:
            task.cancel()
        self.runner.shims.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, job_id: str) -> None:
        try:
            async with self._preparing:
                row = await self.change(changes.begin_run, job_id, self._boot_id)
                if row is not None:
                    await self._launch(row)
        finally:
            self._starting.discard(job_id)

    async def _start_again(self, run: str) -> None:
        """Start a run whose claim was revoked: it never ran."""
        async with self._preparing:
            row = await self.database.write(changes.launch_again, run, self._boot_id)
            if row is not None:
                await self._launch(row)

    async def _launch(self, row: Row[Any]) -> None:
        launch = await self.database.read(_launch, row)
        try:
            await self.runner.start(launch)
        except ConnectionError:
            if await self.runner.adopt(launch):
                await self.change(changes.run_started, row.name)
            else:
                self._spawn(self._start_again(row.name))
            return
        except Exception as problem:  # whatever it is, the job must hear of it
            log.exception("run %s could not be started", row.name)
            self._ended(row.name, Outcome("start", message=_said(problem)))
            return
        await self.change(changes.run_started, row.name)
        if await self.database.read(queries.stopping, row.name):
            self.runner.stop(launch)

    def _ended(self, run: str, outcome: Outcome) -> None:
        self._spawn(self._end(run, outcome))

    async def _end(self, run: str, outcome: Outcome) -> None:
        await self.change(changes.end_run, run, outcome)
        row = await self.database.read(changes.run_row, run)
        if row is not None:
            await self._tidy(row.job_id)

    async def _tidy(self, job_id: str) -> None:
        """Once a job is terminal, forget the environment that it was submitted from."""
        row = await self.database.read(job_row, job_id)
        if row is not None and row.state in TERMINAL:
            self.paths.job(job_id).environment.unlink(missing_ok=True)

    async def _release(self, digest: str) -> None:
        freed = await self.database.write(packages.release, digest)
        if freed is not None:
            await asyncio.to_thread(self.packages.drop, digest, freed)

    async def _sweep(self) -> None:
        """Delete the files of jobs that are not in the database, and environments of terminal ones."""
        known = await self.database.read(queries.known_jobs)
        needed = await self.database.read(queries.environment_owners)
        for root in self.paths.jobs.iterdir() if self.paths.jobs.exists() else ():
            if root.name not in known:
                await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
            elif root.name not in needed:
                self.paths.job(root.name).environment.unlink(missing_ok=True)


def _launch(connection: Connection, run: Row[Any]) -> Launch:
    job = job_row(connection, run.job_id)
    assert job is not None
    return Launch(
        job_id=job.id,
        job_name=job.name,
        run=run.name,
        attempt=run.attempt,
        number=run.launch,
        config=JobConfig.from_dict(json.loads(job.config)),
        package=job.package,
        interpreter=job.interpreter,
    )


def _said(problem: Exception) -> str:
    return (
        f"{problem.strerror}: {problem.filename}"
        if isinstance(problem, OSError) and problem.strerror
        else str(problem)
    )
