"""What moves jobs on: finds the runs that there are, starts those that were decided on, notes how they end.

What starts is decided in the store's transactions. Every step is written down before it is done, so
that a service killed between any two of them finds out after its restart what was done and what not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import OperationalError

from jobs_jupyter.models.errors import JobNotFoundError, JobsError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.settings import Settings
from jobs_jupyter.service import environment, left_out, machine, scratch
from jobs_jupyter.service.clock import SECOND, Clock
from jobs_jupyter.service.feed import Feed
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.package_store import PackageStore
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation.kept import Kept
from jobs_jupyter.service.preparation.remote import Fetched
from jobs_jupyter.service.remote import fetching
from jobs_jupyter.service.remote.fetching import Remotes
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.resources import Capacity
from jobs_jupyter.service.runners.local import LocalRunner
from jobs_jupyter.service.store import changes, job_queues, line, packages, queries, retention, runs
from jobs_jupyter.service.store.admission import Admission, Decision
from jobs_jupyter.service.store.changes import NewJob
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.noted import Told
from jobs_jupyter.service.vault import Vault

T = TypeVar("T")
log = logging.getLogger(__name__)
STARTED_AT_ONCE = 8
TRY_AGAIN_S = 1.0
BRIEF_S = 0.01


class Supervisor:
    """Starts, adopts, stops and ends the runs of one service."""

    def __init__(
        self,
        paths: StatePaths,
        database: Database,
        feed: Feed,
        clock: Clock,
        capacity: Capacity,
        settings: Settings,
        vault: Vault,
    ) -> None:
        self.paths = paths
        self.database = database
        self.clock = clock
        self.packages = PackageFiles(paths)
        self.runner = LocalRunner(
            paths,
            self.packages,
            vault,
            self._ended,
            self._said,
            settings.log_limit,
            settings.cgroup,
            settings.container_engine,
            settings.container_network,
        )
        self.remotes = Remotes(paths, self.packages, database, clock)
        self.runner.steps = (Fetched(paths, database, self.remotes), *self.runner.steps)
        if settings.package_store is not None:
            store = PackageStore(settings.package_store, paths, self.packages, database)
            self.runner.steps += (Kept(paths, store),)
        self._feed = feed
        self._boot_id = machine.boot_id()
        self._environments = environment.Kept()
        self._starting = asyncio.Semaphore(STARTED_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._brief: dict[str, asyncio.Event] = {}
        self._alarm: asyncio.TimerHandle | None = None
        admission = Admission(capacity, self._boot_id, clock)
        database.at_commit(admission, admission.forget, self._committed)

    async def change(self, what: Callable[..., T], *args: Any) -> T:
        """Commit a change of the store at the time now; what it lets start is started."""
        return await self.database.write(what, *args, self.clock.now())

    async def _insist(self, what: Callable[..., T], *args: Any) -> T:
        """Commit what has happened already, however long the disk is full: it must not be forgotten."""
        while True:
            try:
                return await self.change(what, *args)
            except OperationalError as problem:
                log.error("%s can't be written down, trying again: %s", what.__name__, problem.orig)
                await asyncio.sleep(TRY_AGAIN_S)

    def _committed(self, events: list[Told], decided: Decision | None) -> None:
        """Tell the feed, start what the transaction has decided to start, and note when to look again."""
        self._feed.tell(events)
        if decided is None:
            return
        for launch in decided.launches:
            self._spawn(self._start(launch))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if decided.look_again_at is not None:
            left = max(0, decided.look_again_at - self.clock.now()) / SECOND
            self._alarm = asyncio.get_running_loop().call_later(left, self._spawn_look)

    def _spawn_look(self) -> None:
        self._alarm = None
        self._spawn(self._look_again())

    async def _look_again(self) -> None:
        """Start what is due by now, and stop the clusters that were idle for long enough."""
        try:
            for queue_id in await self.database.read(line.idle_clusters, self.clock.now()):
                await self._stop_cluster(queue_id)
            await self.change(line.due)
        except OperationalError as problem:
            log.error("what is due can't be started yet: %s", problem.orig)
            self._alarm = asyncio.get_running_loop().call_later(TRY_AGAIN_S, self._spawn_look)

    async def _stop_cluster(self, queue_id: str) -> None:
        stopped = await self.change(line.stop_cluster, queue_id)
        if stopped is not None:
            self._spawn(scratch.clear(self.paths.queue(queue_id), stopped + 1))

    async def recover(self) -> None:
        """Find every run again that an earlier service began, and sweep up after deleted jobs.

        To be done before the first request: a job that is being submitted has files before it has a row.
        """
        await self.runner.shims.warm_up()
        await asyncio.to_thread(fetching.sweep, self.paths)
        there = [*sorted(self.paths.jobs.glob("*")), *sorted(self.paths.queues.glob("*"))]
        unfinished = self.runner.environments.overlays.leftovers()
        abandoned = self.runner.images.derived.leftovers()
        launches = await self.database.read(runs.alive)
        await asyncio.gather(*map(self._find_again, launches))
        await self._look_again()
        self._spawn(self._sweep(there))
        self._spawn(_remove(unfinished))
        self._spawn(self.runner.images.clear(abandoned))

    async def _find_again(self, launch: Launch) -> None:
        """Go on with a run that an earlier service began."""
        if launch.boot_id != self._boot_id:
            self.runner.lost(launch)
        elif (started_at := await self.runner.adopt(launch)) is not None:
            await self.database.write(runs.run_started, launch.run, started_at)
        else:
            self._spawn(self._start_again(launch.run))
        if launch.stopping:
            self.runner.stop(launch)

    async def accept(
        self, new: NewJob, variables: dict[str, str], missing: Mapping[str, str] | None = None
    ) -> str:
        """Store a job and the environment that it was submitted from; returns its status, in JSON.

        `missing`: what was left out of its directory, each path with the rule that did it.
        Both are on disk then, each written while the other is. Where this fails, no job goes on:
        one that was stored, and may have begun, while its environment could not be, is stopped before.
        """
        own = self.paths.job(new.id)
        try:
            saved = self._environments.save(own, variables)
            left_out.save(own, missing or {})
        except OSError:
            remove_tree(own.root)
            raise
        added, failed = await asyncio.gather(
            self.change(changes.add_job, new),
            asyncio.to_thread(environment.make_durable, saved),
            return_exceptions=True,
        )
        if isinstance(added, BaseException):
            remove_tree(own.root)
            raise added
        job_id, status = added
        if job_id != new.id:  # it was submitted before
            remove_tree(own.root)
        elif failed is not None:
            await self._stop(new.id, await self._insist(changes.request_stop, new.id))
            raise failed
        return status

    async def needed_environments(self) -> set[str]:
        """Return the names of what requirements became for jobs that are not terminal, or would become."""
        waiting = await self.database.read(queries.active_with_requirements)
        return {name for each in waiting for name in await self.runner.needed_by(*each)}

    async def terminate(self, job_id: str) -> None:
        """Ask for a job's end; its processes are gone within the grace period."""
        await self._stop(job_id, await self.change(changes.request_stop, job_id))

    async def _stop(self, job_id: str, living: Launch | None) -> None:
        if living is not None:
            self.runner.stop(living)
        else:
            await self._tidy(job_id)

    async def terminate_queue(self, queue_id: str) -> None:
        """Ask for the end of all jobs of a queue, those that wait first; its cluster stops with the last."""
        for job_id in await self.database.read(job_queues.active, queue_id):
            with contextlib.suppress(JobNotFoundError):  # it has ended meanwhile, and was deleted
                await self.terminate(job_id)
        await self.change(line.end, queue_id)

    async def delete_queue(self, queue_id: str) -> None:
        """Delete a queue whose jobs are all terminal, and what its cluster kept."""
        await self.change(job_queues.remove, queue_id)
        await asyncio.to_thread(remove_tree, self.paths.queue(queue_id))

    async def delete(self, job_id: str) -> None:
        """Delete a terminal job, its files, and packages that only it needed."""
        needed = await self.change(changes.remove, job_id)
        await asyncio.to_thread(remove_tree, self.paths.job(job_id).root)
        for package in needed:
            await self._release(package)
        await asyncio.to_thread(retention.scrub, self.paths.database)

    async def close(self) -> None:
        """Leave all runs to their shims."""
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._tasks:
            task.cancel()
        self.runner.shims.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, launch: Launch) -> None:
        if launch.cluster > 1 and launch.attempt == 1:  # what the clusters before this one kept is done with
            assert launch.queue_id is not None
            self._spawn(scratch.clear(self.paths.queue(launch.queue_id), launch.cluster))
        await self._launch(launch)

    async def _start_again(self, run: str) -> None:
        """Start a run whose claim was revoked: it never ran."""
        await self._launch(await self._insist(runs.launch_again, run, self._boot_id))

    async def _launch(self, launch: Launch) -> None:
        try:
            setup = await self.runner.prepare(launch)
            if setup.notices:
                await self.change(runs.notice, launch.run, setup.notices)
            async with self._starting:
                await self.runner.start(launch, setup)
        except ConnectionError:  # the warm process died; the claim says whether the shim exists
            if await self.runner.adopt(launch) is None:
                self._spawn(self._start_again(launch.run))
                return
        except Exception as problem:
            unforeseen = None if isinstance(problem, JobsError) else problem
            log.warning("run %s could not be started: %s", launch.run, problem, exc_info=unforeseen)
            self._ended(launch.run, Outcome("start", message=_said(problem)))
            return
        if not await self._is_brief(launch.run) and await self._insist(runs.run_started, launch.run):
            self.runner.stop(launch)

    async def _is_brief(self, run: str) -> bool:
        """Whether a run is over almost before it has begun: then one change of the store says both."""
        over = self._brief[run] = asyncio.Event()
        try:
            async with asyncio.timeout(BRIEF_S):
                await over.wait()
        except TimeoutError:
            return False
        finally:
            del self._brief[run]
        return True

    async def _said(self, run: str, text: str) -> None:
        """Say why a run has not started yet."""
        try:
            await self.change(runs.preparing, run, text)
        except OperationalError as problem:  # the disk is full: it will be said by what fails
            log.warning("what is prepared for %s can't be said: %s", run, problem.orig)

    def _ended(self, run: str, outcome: Outcome) -> None:
        if run in self._brief:
            self._brief[run].set()
        self._spawn(self._end(run, outcome))

    async def _end(self, run: str, outcome: Outcome) -> None:
        job_id = await self._insist(runs.end_run, run, outcome)
        if job_id is not None:
            await self._tidy(job_id)

    async def _tidy(self, job_id: str) -> None:
        """Forget the environment that a job was submitted from, once it is terminal."""
        self.paths.job(job_id).environment.unlink(missing_ok=True)

    async def _release(self, digest: str) -> None:
        async with self.packages.lock:
            freed = await self.database.write(packages.release, digest)
            if freed is not None:
                await asyncio.to_thread(self.packages.drop, digest, freed)

    async def _sweep(self, there: list[Path]) -> None:
        """Delete the files of jobs and clusters that are no more, and environments of terminal jobs.

        Of those directories only that an earlier service left: who submits now makes one before the row.
        """
        known = await self.database.read(queries.known_jobs)
        needed = await self.database.read(queries.environment_owners)
        clusters = await self.database.read(line.clusters)
        for root in there:
            if root.name in clusters:
                await scratch.clear(root, clusters[root.name])
            elif root.name not in known:
                await asyncio.to_thread(remove_tree, root)
            elif root.name not in needed:
                await asyncio.to_thread(self.paths.job(root.name).environment.unlink, missing_ok=True)


async def _remove(places: list[Path]) -> None:
    for place in places:
        await asyncio.to_thread(remove_tree, place)


def _said(problem: Exception) -> str:
    return (
        f"{problem.strerror}: {problem.filename}"
        if isinstance(problem, OSError) and problem.strerror
        else str(problem)
    )
