"""From a remote URI to a package of ours: looked at when a job is submitted, fetched before it runs."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.job import JobConfig, remotes_of
from jobs_jupyter.models.package import Manifest
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.sizes import human
from jobs_jupyter.service.clock import Clock
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress
from jobs_jupyter.service.remote.child import RemoteError, ask
from jobs_jupyter.service.remote.parcel import FRAMES, MANIFEST
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.store import remotes
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.remotes import Remote

LOOK_WITHIN_S = 30.0
SILENT_FOR_S = 120.0
AGAIN_AFTER_S = (1.0, 2.0, 4.0)
SAY_EVERY_S = 2.0
CHUNK = 1 << 20
_LOGIN = re.compile(r"//[^/\s'\"]+@")
_QUERY = re.compile(r"(https?://[^?\s'\"]+\?)[^\s'\")]+")


class Remotes:
    """Looks at remote objects and makes packages of them; the same version becomes one only once."""

    def __init__(self, paths: StatePaths, packages: PackageFiles, database: Database, clock: Clock) -> None:
        self._paths = paths
        self._packages = packages
        self._database = database
        self._clock = clock
        self._locks = _Locks()

    async def look(self, config: JobConfig, environment: Mapping[str, str]) -> tuple[Remote, ...]:
        """Return what the remote URIs of a config name just now.

        Raises:
            InvalidRequestError: one names nothing, may not be read, or says nothing in time.
        """
        found = remotes_of(config)
        if config.excludes and any(field == "working_dir" for field, _ in found):
            raise InvalidRequestError(
                f"excludes={config.excludes!r} is for a local working_dir; "
                "leave out of the remote one what the job does not need."
            )
        variables = {**environment, **(config.env_vars or {})}
        looks = [asyncio.create_task(self._look(*named, variables)) for named in found]
        try:
            return tuple(await asyncio.gather(*looks))
        finally:
            for each in looks:
                each.cancel()
            if looks:
                await asyncio.wait(looks)

    async def _look(self, field: str, uri: str, environment: Mapping[str, str]) -> Remote:
        try:
            task = {"do": "look", "uri": uri, "field": field}
            answer = await ask(task, environment, within_s=LOOK_WITHIN_S)
        except RemoteError as problem:
            raise InvalidRequestError(
                f"{field}={shown(uri)!r} can't be used: {hidden(problem, uri)}."
            ) from None
        return Remote(field, uri, answer["version"])

    async def package(
        self, job_id: str, wanted: Remote, environment: Mapping[str, str], progress: Progress
    ) -> str:
        """Return the digest of the package that a job has for a URI, fetched if need be.

        Raises:
            RemoteError: it can't be fetched.
        """
        if wanted.package is not None:
            return wanted.package
        async with self._locks.one((wanted.field, wanted.uri, wanted.version)):
            now = self._clock.now()
            if there := await self._database.write(remotes.share, job_id, wanted, now):
                return there
            await progress.say(f"fetching {shown(wanted.uri)}")
            with self._scratch() as place:
                version = await self._fetch(wanted, environment, place, progress)
                if version != wanted.version:
                    note = (
                        f"{shown(wanted.uri)} has changed since the submit; the job gets what is there now\n"
                    )
                    progress.write(f"jobs_jupyter: {note}".encode())
                return await self._store(job_id, wanted._replace(version=version), place)

    @contextlib.contextmanager
    def _scratch(self) -> Iterator[Path]:
        self._paths.incoming.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self._paths.incoming))
        try:
            yield place
        finally:
            remove_tree(place)

    async def _fetch(
        self, wanted: Remote, environment: Mapping[str, str], place: Path, progress: Progress
    ) -> str | None:
        """Fetch into a directory, going on a few times where it breaks off; returns the version."""
        task = {"do": "fetch", "place": str(place), **wanted._asdict()}
        heard = _saying(shown(wanted.uri), progress)
        for delay in (*AGAIN_AFTER_S, None):
            try:
                version: str | None = (await ask(task, environment, within_s=SILENT_FOR_S, heard=heard))[
                    "version"
                ]
            except RemoteError as problem:
                why = hidden(problem, wanted.uri)
                if delay is None or not problem.again:
                    said = f"{wanted.field}={shown(wanted.uri)!r}: {why}"
                    raise RemoteError(said, again=False) from None
                said = f"fetching {shown(wanted.uri)} broke off: {why}; again in {delay:g} s"
                progress.write(f"jobs_jupyter: {said}\n".encode())
                await asyncio.sleep(delay)
            else:
                return version
        raise AssertionError("unreachable")

    async def _store(self, job_id: str, fetched: Remote, place: Path) -> str:
        """Make what was fetched a package like any other, and the job's."""
        manifest = await asyncio.to_thread(lambda: Manifest.from_json((place / MANIFEST).read_bytes()))
        await self._packages.add_blobs(_chunks(place / FRAMES))
        async with self._packages.lock:
            if await asyncio.to_thread(self._packages.missing, manifest):
                raise RemoteError(f"{shown(fetched.uri)} went while it was stored; submit again", again=False)
            await asyncio.to_thread(self._packages.add_manifest, manifest)
            done = fetched._replace(package=manifest.digest)
            await self._database.write(remotes.store, job_id, done, manifest.digests, self._clock.now())
        return manifest.digest


class _Locks:
    """A lock for each key that anybody wants just now."""

    def __init__(self) -> None:
        self._locks: dict[object, asyncio.Lock] = {}
        self._wanted: Counter[object] = Counter()

    @contextlib.asynccontextmanager
    async def one(self, key: object) -> AsyncIterator[None]:
        """Hold the key's lock."""
        self._wanted[key] += 1
        try:
            async with self._locks.setdefault(key, asyncio.Lock()):
                yield
        finally:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key], self._locks[key]


def shown(uri: str) -> str:
    """Return a URI without what may be secret in it: a password, a signature."""
    parts = urlsplit(uri)
    host = (
        parts.netloc.rpartition("@")[2] if "@" in parts.netloc and parts.scheme == "https" else parts.netloc
    )
    return parts._replace(netloc=host, query="…" if parts.query else "", fragment="").geturl()


def hidden(problem: Exception, uri: str) -> str:
    """Return what an error says, without what may be secret in the URI, or in one that it led to."""
    said, parts = str(problem), urlsplit(uri)
    if parts.query:
        said = said.replace(parts.query, "…")
    if parts.scheme != "https":
        return said
    return _QUERY.sub(r"\1…", _LOGIN.sub("//…@", said))


def _saying(name: str, progress: Progress) -> Callable[[int, int | None], Awaitable[None]]:
    last = 0.0

    async def say(passed: int, total: int | None) -> None:
        nonlocal last
        now = asyncio.get_running_loop().time()
        if now - last >= SAY_EVERY_S:
            last = now
            of = f" of {human(total)}" if total else ""
            await progress.say(f"fetching {name}: {human(passed)}{of}")

    return say


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with open(path, "rb") as file:  # noqa: ASYNC230 - read in threads, piece by piece
        while piece := await asyncio.to_thread(file.read, CHUNK):
            yield piece


def sweep(paths: StatePaths) -> None:
    """Remove what a service left that was killed while it fetched."""
    remove_tree(paths.incoming)
