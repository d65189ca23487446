"""What the handlers of one service share, and when the service may stop."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.settings import Configuration
from jobs_jupyter.service.clock import Clock
from jobs_jupyter.service.equipment import capacity_of
from jobs_jupyter.service.feed import Feed
from jobs_jupyter.service.housekeeping import Housekeeping
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.shelf import Shelf
from jobs_jupyter.service.supervisor import Supervisor
from jobs_jupyter.service.vault import Vault

T = TypeVar("T")


class ServiceState:
    """The parts of a running service.

    Args:
        paths: the state directory.
        configuration: the settings in force, and where they come from.
    """

    def __init__(self, paths: StatePaths, configuration: Configuration) -> None:
        self.paths = paths
        self.configuration = configuration
        self.settings = configuration.settings
        self.user = _user()
        self.about: dict[str, Any] = {}
        capacity = capacity_of(self.settings)
        self.counts_as = min(self.settings.default_cpus, len(capacity.cpus))
        self.database = Database(paths.database, capacity)
        self.shelf = Shelf()
        clock = Clock(self.database.last_change_at)
        self.feed = Feed(self.database, clock)
        self.vault = Vault(paths)
        self.supervisor = Supervisor(
            paths, self.database, self.feed, clock, capacity, self.settings, self.vault
        )
        self.housekeeping = Housekeeping(self.supervisor, self.feed, self.settings.retention)
        self.stopped = asyncio.Event()
        self.searching = asyncio.Lock()
        self._attending = 0
        self._last_used = 0.0
        self.used()

    def used(self) -> None:
        """Somebody asked something."""
        self._last_used = asyncio.get_running_loop().time()

    def stop(self) -> None:
        """End the service once the requests under way are answered; runs go on."""
        self.stopped.set()
        self.feed.close()

    @contextlib.contextmanager
    def attended(self) -> Iterator[None]:
        """For as long as somebody watches, the service is not idle."""
        self._attending += 1
        try:
            yield
        finally:
            self._attending -= 1
            self.used()

    async def attend(self, stream: AsyncIterator[T]) -> AsyncIterator[T]:
        """Pass a stream on as long as somebody watches it."""
        with self.attended():
            async for item in stream:
                yield item

    async def stop_when_idle(self) -> None:
        """Stop the service once it has had nothing to do for `idle_s` (0: never); returns when it stops."""
        idle_s = self.settings.idle_s
        if not idle_s:
            await self.stopped.wait()
            return
        while True:
            left = self._last_used + idle_s - asyncio.get_running_loop().time()
            if left > 0:
                await asyncio.sleep(left)
            elif self._attending or await self.database.read(queries.active_jobs):
                await asyncio.sleep(idle_s)
            else:
                self.stop()
                return


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())
