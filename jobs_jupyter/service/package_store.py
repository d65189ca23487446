"""Copies of packages in a remote store, for clusters that can't reach this service."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.remote.child import RemoteError, ask
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.store import packages as stored
from jobs_jupyter.service.store.database import Database

SILENT_FOR_S = 600.0  # an upload is not told of while it goes on


class PackageStore:
    """Keeps packages as archives below a URI, each named by its digest and written once."""

    def __init__(self, prefix: str, paths: StatePaths, packages: PackageFiles, database: Database) -> None:
        self._prefix = prefix
        self._paths = paths
        self._packages = packages
        self._database = database
        self._one = asyncio.Lock()

    def uri(self, digest: str) -> str:
        """Return where a package's copy is, or will be."""
        return f"{self._prefix}/{digest}.tar.gz"

    async def ensure(
        self, digest: str, environment: Mapping[str, str], say: Callable[[str], Awaitable[None]]
    ) -> str:
        """Return the URI of a package's copy, which is there then.

        Args:
            digest: the package.
            environment: where credentials are looked for.
            say: told when there is something to write.

        Raises:
            RemoteError: it can't be written.
        """
        uri = self.uri(digest)
        if await self._database.read(stored.kept_at, digest) == uri:
            return uri
        async with self._one:
            await say(f"keeping a copy of its package at {uri}")
            try:
                await self._keep(digest, uri, environment)
            except RemoteError as problem:
                raise RemoteError(f"package_store={self._prefix!r}: {problem}", again=False) from None
            await self._database.write(stored.keep, digest, uri)
        return uri

    async def _keep(self, digest: str, uri: str, environment: Mapping[str, str]) -> None:
        """Write the copy, unless another service did; only then the package is unfolded."""
        task = {"do": "keep", "uri": uri}
        if not (await ask(task, environment, within_s=SILENT_FOR_S)).get("missing"):
            return
        self._paths.incoming.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=self._paths.incoming))
        try:
            await asyncio.to_thread(self._packages.materialise, digest, place)
            await ask({**task, "place": str(place)}, environment, within_s=SILENT_FOR_S)
        finally:
            remove_tree(place)
