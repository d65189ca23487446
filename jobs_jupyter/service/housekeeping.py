"""Clearing away what the settings say is not to be kept, and what came to nothing.

Each kind of thing is a class with `victims` and `delete`; one more kind is one more class. It runs
when the service starts, and then with the first change after an hour: an idle service does not wake.
What was used within the last hour is never deleted by itself, whatever the limits: somebody may be
about to fetch a result, or to submit the job that a package was sent for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import OperationalError

from jobs_jupyter.models.errors import JobNotFoundError, JobStateError
from jobs_jupyter.models.settings import EnvironmentRetention, JobRetention, PackageRetention, Retention
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.disk import disk_usage
from jobs_jupyter.service.feed import Feed
from jobs_jupyter.service.retention import SPARED_S, Limits, beyond, is_spared
from jobs_jupyter.service.store import packages, retention
from jobs_jupyter.service.store.retention import Used
from jobs_jupyter.service.supervisor import Supervisor

log = logging.getLogger(__name__)
EVERY_S = 3600.0


@dataclass(frozen=True)
class Victim:
    """Something that is to be deleted, how many bytes that frees, and why."""

    kind: str
    id: str
    name: str
    bytes: int
    why: str


class Kind(Protocol):
    """One kind of things that may be deleted."""

    async def victims(self) -> list[Victim]:
        """Return what is to be deleted, the least used first."""

    async def delete(self, victim: Victim) -> bool:
        """Delete it, unless it has come into use meanwhile; returns whether it is gone."""


class EndedJobs:
    """Jobs that have ended, with all that is theirs."""

    def __init__(self, supervisor: Supervisor, kept: JobRetention) -> None:
        self._supervisor = supervisor
        self._limits = Limits.of(kept)
        self._sizes: dict[str, int] = {}  # of jobs that have ended: they don't change any more

    async def victims(self) -> list[Victim]:
        """Return the jobs that ended first and are beyond the limits."""
        if not self._limits.any:
            return []
        ended = await self._supervisor.database.read(retention.ended_jobs)
        sizes = await asyncio.to_thread(self._measure, ended) if self._limits.max_bytes is not None else {}
        sized = ((job, sizes.get(job.id, 0)) for job in ended)
        old = beyond(sized, self._limits, self._supervisor.clock.now())
        sizes = await asyncio.to_thread(self._measure, [job for job, _, _ in old])
        return [Victim("job", job.id, job.name, sizes[job.id], why) for job, _, why in old]

    async def delete(self, victim: Victim) -> bool:
        """Delete the job as a request would."""
        try:
            await self._supervisor.delete(victim.id)
        except (JobNotFoundError, JobStateError):
            return False
        finally:
            self._sizes.pop(victim.id, None)
        return True

    def _measure(self, ended: list[Used]) -> dict[str, int]:
        for job in ended:
            if job.id not in self._sizes:
                self._sizes[job.id] = disk_usage(self._supervisor.paths.job(job.id).root)
        return self._sizes


class Packages:
    """Packages that no job was submitted with: a job that is kept can be submitted again from its config."""

    def __init__(self, supervisor: Supervisor, kept: PackageRetention) -> None:
        self._supervisor = supervisor
        self._limits = Limits.of(kept)

    async def victims(self) -> list[Victim]:
        """Return the packages that were used least recently and are beyond the limits."""
        if not self._limits.any:
            return []
        known = await self._supervisor.database.read(retention.every_package)
        if not known:
            return []
        blobs = await self._supervisor.database.read(retention.blobs_of_packages)
        now = self._supervisor.clock.now()
        known.sort(key=lambda package: not is_spared(package, now))
        sized = await asyncio.to_thread(self._measure, known, blobs)
        old = beyond(sized, self._limits, now)
        return [Victim("package", package.id, package.name, size, why) for package, size, why in old]

    async def delete(self, victim: Victim) -> bool:
        """Delete the package and the contents that no other package needs."""
        files = self._supervisor.packages
        before = self._supervisor.clock.now() - SPARED_S * SECOND
        async with files.lock:
            freed = await self._supervisor.database.write(retention.evict_package, victim.id, before)
            if freed is not None:
                await asyncio.to_thread(files.drop, victim.id, freed)
        return freed is not None

    def _measure(self, known: list[Used], blobs: dict[str, list[str]]) -> list[tuple[Used, int]]:
        """Count for each package what it needs beyond those before it: what its deletion frees."""
        seen: set[str] = set()
        sized = []
        for package in known:
            fresh = set(blobs.get(package.id, ())) - seen
            seen |= fresh
            sized.append((package, self._supervisor.packages.usage(fresh)))
        return sized


class UnusedEnvironments:
    """Environments that no job uses or is going to use; one that is deleted can be built again."""

    def __init__(self, supervisor: Supervisor, kept: EnvironmentRetention) -> None:
        self._supervisor = supervisor
        self._overlays = supervisor.runner.environments.overlays
        self._limits = Limits.of(kept)

    async def victims(self) -> list[Victim]:
        """Return the environments that were used least recently and are beyond the limits."""
        known = await asyncio.to_thread(self._overlays.all) if self._limits.any else []
        if not known:
            return []
        needed = await self._supervisor.needed_environments()
        old = beyond(_sized(known, needed), self._limits, self._supervisor.clock.now())
        return [Victim("environment", each.id, each.name, size, why) for each, size, why in old]

    async def delete(self, victim: Victim) -> bool:
        """Delete the environment."""
        return await self._overlays.evict(victim.id, SPARED_S)


class UnusedImages:
    """Images with requirements that no job uses or is going to use; one that is deleted can be made again."""

    def __init__(self, supervisor: Supervisor, kept: EnvironmentRetention) -> None:
        self._supervisor = supervisor
        self._images = supervisor.runner.images
        self._limits = Limits.of(kept)

    async def victims(self) -> list[Victim]:
        """Return the images that were used least recently and are beyond the limits."""
        known = await asyncio.to_thread(self._images.derived.all) if self._limits.any else []
        if not known:
            return []
        needed = await self._supervisor.needed_environments()
        old = beyond(_sized(known, needed), self._limits, self._supervisor.clock.now())
        return [Victim("image", each.id, each.name, size, why) for each, size, why in old]

    async def delete(self, victim: Victim) -> bool:
        """Have the engine delete the image."""
        return await self._images.evict(victim.id, SPARED_S)


class _Made(Protocol):
    """What requirements became."""

    @property
    def digest(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def bytes(self) -> int: ...


def _sized(known: Iterable[tuple[_Made, float]], needed: set[str]) -> list[tuple[Used, int]]:
    """Return what was used, the last one first, with its size; what is needed is in use."""
    by_use = sorted(known, key=lambda each: each[1], reverse=True)
    return [
        (Used(each.digest, each.label, int(used_at * SECOND), each.digest in needed), each.bytes)
        for each, used_at in by_use
    ]


class Uploads:
    """File contents that no package needs: their submits came to nothing."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def victims(self) -> list[Victim]:
        """Return them as one, if there are any."""
        needed = await self._supervisor.database.read(packages.needed_blobs)
        strays = await asyncio.to_thread(self._supervisor.packages.strays, needed, SPARED_S)
        size = await asyncio.to_thread(lambda: strays.bytes)
        name = f"{len(strays)} files"
        return [Victim("upload", "", name, size, "no package needs them")] if strays else []

    async def delete(self, _: Victim) -> bool:
        """Delete those that there are."""
        files = self._supervisor.packages
        async with files.lock:
            needed = await self._supervisor.database.read(packages.needed_blobs)
            strays = await asyncio.to_thread(files.strays, needed, SPARED_S)
            await asyncio.to_thread(files.clear, strays)
        return True


class Housekeeping:
    """Clears away what is not to be kept, when that is due or asked for."""

    def __init__(self, supervisor: Supervisor, feed: Feed, kept: Retention) -> None:
        self._supervisor = supervisor
        self._feed = feed
        self._kinds: tuple[Kind, ...] = (
            EndedJobs(supervisor, kept.jobs),
            Packages(supervisor, kept.packages),
            UnusedEnvironments(supervisor, kept.environments),
            UnusedImages(supervisor, kept.environments),
            Uploads(supervisor),
        )
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Clear away now and then with the first change after each hour, while the service lives."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                for victim in await self.clear(dry_run=False):
                    log.info("deleted the %s %s: %s", victim.kind, victim.name or victim.id, victim.why)
                await self._drop_old_events()
            except (OSError, OperationalError) as problem:
                log.error("what is not to be kept can't be deleted yet: %s", problem)
            due = loop.time() + EVERY_S
            while loop.time() < due:
                await self._feed.next_change().wait()

    async def clear(self, *, dry_run: bool) -> list[Victim]:
        """Delete what is not to be kept, and return it; with `dry_run` only say what that is."""
        async with self._lock:
            cleared = []
            for kind in self._kinds:  # jobs first: that frees packages
                victims = await kind.victims()
                cleared += [v for v in victims if dry_run or await kind.delete(v)]
            return cleared

    async def _drop_old_events(self) -> None:
        database, before = self._supervisor.database, self._supervisor.clock.now() - SPARED_S * SECOND
        for job_id in await database.read(retention.jobs_with_old_events):
            await database.write(retention.drop_old_events, job_id, before)
