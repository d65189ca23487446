"""The change feed: tells whoever listens that something was committed.

The events themselves are in the database, written in the transaction of the change; this only
wakes those who wait for more.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Row

from jobs_jupyter.service.clock import Clock, iso
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database

BATCH = 500
HEARTBEAT_S = 15.0


class Feed:
    """Wakes the streams of the feed after each commit."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changed = asyncio.Event()
        self.commits = 0
        self.closed = False

    def close(self) -> None:
        """End all streams; whoever listens comes back with the number that it has."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Something was committed."""
        self.commits += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def next_change(self) -> asyncio.Event:
        """Return what is set by the next commit. To be taken before looking at what may change."""
        return self._changed

    async def stream(
        self, after: int | None, jobs: Sequence[str], wait_s: float | None
    ) -> AsyncIterator[bytes]:
        """Yield what follows number `after` (None: from now on) as server-sent events.

        It ends after `wait_s` seconds, where that is given, and with the service.
        """
        loop = asyncio.get_running_loop()
        deadline = None if wait_s is None else loop.time() + wait_s
        if after is None:
            after = await self._database.read(queries.last_seq)
        shown: dict[str, str] | None = {} if jobs else None  # places told; None: none of the jobs is in line
        yield f": after {after}\n\n".encode()
        while not self.closed and (deadline is None or loop.time() < deadline):
            changed = self._changed
            rows = await self._database.read(queries.events_after, after, jobs, BATCH)
            if rows:
                after = rows[-1].seq
                shown = (shown or {}) if jobs else None
                yield b"".join(map(_encode, rows))
                continue
            if shown is not None:
                places = await self._database.read(queries.in_line, jobs)
                if told := self._moved(places, shown, after):
                    yield told
                if not places:
                    shown = None
            if not await _wait(changed, None if deadline is None else deadline - loop.time()):
                yield b": \n\n"

    def _moved(self, places: list[tuple[str, str, str]], shown: dict[str, str], after: int) -> bytes:
        """Tell where jobs stand in line now, where they have moved.

        A place changes with other jobs, so it has no event of its own in the database: what is told
        carries the number of the last event.
        """
        told = []
        for job_id, reason, view in places:
            if shown.get(job_id) != reason:
                shown[job_id] = reason
                told.append(_frame({"seq": after, "at": iso(self._clock.now()), "kind": "place"}, view))
        return b"".join(told)


async def _wait(changed: asyncio.Event, left: float | None) -> bool:
    """Until something changed; False when it is time for a heartbeat."""
    try:
        async with asyncio.timeout(HEARTBEAT_S if left is None else min(left, HEARTBEAT_S)):
            await changed.wait()
    except TimeoutError:
        return False
    return True


def _encode(row: Row[Any]) -> bytes:
    return _frame({"seq": row.seq, "at": iso(row.at), "kind": row.kind}, row.view)


def _frame(about: dict[str, Any], view: str) -> bytes:
    return f'id: {about["seq"]}\nevent: job\ndata: {json.dumps(about)[:-1]}, "job": {view}}}\n\n'.encode()
