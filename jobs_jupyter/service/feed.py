"""The change feed: tells whoever listens what was committed.

The events are in the database, written in the transaction of the change, so that any number can be
replayed. The newest are also kept here, and encoded once for all who listen: a change reaches a hundred
watchers without a hundred questions to the database.

A stream that was up to date and has fallen far behind, since its reader is slow, gets of each job the
newest event only; numbers still only grow. A replay, and a stream of chosen jobs, gets all.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import cached_property
from typing import Any

from jobs_jupyter.service.clock import Clock, iso
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.noted import Told

BATCH = 500
KEPT = 2000
HEARTBEAT_S = 15.0
PLACES_EVERY_S = 0.2


class Feed:
    """Passes on what each commit has changed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._changed = asyncio.Event()
        self._recent: list[_Kept] = []
        self._complete_after: int | None = None  # what follows this number is all in `_recent`
        self.commits = 0
        self.closed = False

    def close(self) -> None:
        """End all streams; whoever listens comes back with the number that it has."""
        self.closed = True
        self.wake()

    def tell(self, events: Sequence[Told]) -> None:
        """These were committed, after all that was told before."""
        self._recent += map(_Kept, events)
        if events and self._complete_after is None:
            self._complete_after = events[0].seq - 1
        if len(self._recent) > 2 * KEPT:
            self._complete_after = self._recent[-KEPT - 1].seq
            del self._recent[:-KEPT]
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
        places = _Places(self._database, self._clock, jobs)
        was_up_to_date = False
        yield f": after {after}\n\n".encode()
        while not self.closed and (deadline is None or loop.time() < deadline):
            changed, commits = self._changed, self.commits
            after, found = await self._following(after, jobs)
            if found:
                if was_up_to_date and not jobs and len(found) >= BATCH:
                    found = _newest_of_each(found)
                places.may_wait()
                yield b"".join(kept.frame for kept in found)
                continue
            was_up_to_date = True
            if told := await places.moved(after, commits):
                yield told
            left = HEARTBEAT_S if deadline is None else min(HEARTBEAT_S, deadline - loop.time())
            soon = places.look_again_in(self.commits)
            if not await _wait(changed, left if soon is None else min(left, soon)) and soon is None:
                yield b": \n\n"

    async def _following(self, after: int, jobs: Sequence[str]) -> tuple[int, list[_Kept]]:
        """Return what follows number `after`, oldest first, and the number up to which that is all."""
        if self._complete_after is not None and after >= self._complete_after:
            start = bisect_right(self._recent, after, key=lambda kept: kept.seq)
            new = self._recent[start:]
            return (new[-1].seq if new else after), [kept for kept in new if not jobs or kept.job_id in jobs]
        rows = await self._database.read(queries.events_after, after, jobs, BATCH)
        return (rows[-1].seq if rows else after), list(map(_Kept, rows))


class _Kept:
    """An event, encoded when the first stream asks for it, once for all."""

    def __init__(self, event: Any) -> None:
        self.seq: int = event.seq
        self.job_id: str = event.job_id
        self._event = event

    @cached_property
    def frame(self) -> bytes:
        """Return it as a server-sent event."""
        event = self._event
        return _frame({"seq": event.seq, "at": iso(event.at), "kind": event.kind}, event.view)


class _Places:
    """Where the jobs of one stream stand in line, told when they have moved.

    A place changes with other jobs, so it has no event of its own in the database: what is told
    carries the number of the last event.
    """

    def __init__(self, database: Database, clock: Clock, jobs: Sequence[str]) -> None:
        self._database = database
        self._clock = clock
        self._jobs = jobs
        self._told: dict[str, str] = {}
        self._waiting = bool(jobs)
        self._seen = -1
        self._looked_at = -PLACES_EVERY_S

    def may_wait(self) -> None:
        """Something happened to the jobs: one of them may stand in a line now."""
        self._waiting = bool(self._jobs)

    async def moved(self, after: int, commits: int) -> bytes:
        """Return the places that are new since the last look, encoded."""
        if (left := self.look_again_in(commits)) is None or left > 0:
            return b""
        self._seen = commits
        self._looked_at = asyncio.get_running_loop().time()
        places = await self._database.read(queries.in_line, self._jobs)
        self._waiting = bool(places)
        moved = []
        for job_id, reason, view in places:
            if self._told.get(job_id) != reason:
                self._told[job_id] = reason
                moved.append(_frame({"seq": after, "at": iso(self._clock.now()), "kind": "place"}, view))
        return b"".join(moved)

    def look_again_in(self, commits: int) -> float | None:
        """Return in how many seconds another look is due; None: nothing can have moved."""
        if not self._waiting or commits == self._seen:
            return None
        return max(0.0, self._looked_at + PLACES_EVERY_S - asyncio.get_running_loop().time())


def _newest_of_each(found: Iterable[_Kept]) -> list[_Kept]:
    newest = {kept.job_id: kept for kept in found}
    return sorted(newest.values(), key=lambda kept: kept.seq)


async def _wait(changed: asyncio.Event, left: float) -> bool:
    """Until something changed; False when it is time for a heartbeat."""
    try:
        async with asyncio.timeout(left):
            await changed.wait()
    except TimeoutError:
        return False
    return True


def _frame(about: dict[str, Any], view: str) -> bytes:
    return f'id: {about["seq"]}\nevent: job\ndata: {json.dumps(about)[:-1]}, "job": {view}}}\n\n'.encode()
