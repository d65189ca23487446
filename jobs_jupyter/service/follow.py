"""Sending a log as it grows.

A file has no portable way to say that it has grown, so its size is looked at while somebody
follows it and its run is alive, and only then.

An answer never spans a part of the log that was left out: it is of what lies before it, or behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from jobs_jupyter.models.log_gap import LogGap, gap_of
from jobs_jupyter.service.log_text import LogText
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import runs
from jobs_jupyter.service.store.records import ALIVE

LOOK_EVERY_S = 0.04
CHUNK = 256 * 1024


def headers(start: int, end: int, gap: LogGap | None) -> dict[str, str]:
    """Return what says where in the log the bytes are from, and which were left out."""
    left_out = {"X-Log-Gap": f"{gap.start}-{gap.end}"} if gap else {}
    return {"X-Log-Offset": str(start), "X-Log-Size": str(end), **left_out}


def first(offset: int, end: int, gap: LogGap | None) -> int:
    """Return the first byte to send where `offset` was asked for; negative: so many before the end."""
    start = max(0, end + offset) if offset < 0 else offset
    if gap is None:
        return start
    return max(start, gap.end) if offset < 0 else gap.skip(start)


async def span(text: LogText, start: int, end: int) -> AsyncIterator[bytes]:
    """Yield the bytes from `start` to `end`, or to where a part was left out."""
    while start < end and (piece := await asyncio.to_thread(text.read, start, min(start + CHUNK, end))):
        gap = gap_of(text.path)  # after the look: a gap is written down before it opens
        if gap and start < gap.end and start + len(piece) > gap.start:
            piece, end = piece[: max(0, gap.start - start)], 0
        start += len(piece)
        if piece:
            yield piece


async def log(
    state: ServiceState,
    run: str,
    text: LogText,
    start: int,
    wait_s: float | None,
    states: tuple[str, ...] = ALIVE,
) -> AsyncIterator[bytes]:
    """Yield a run's log from `start` until its state is none of these and all is sent, for `wait_s` at most.

    A service that stops breaks the stream off, and so does a part of the log that was left out: a
    clean end always means that nothing is missing.
    """
    loop = asyncio.get_running_loop()
    deadline = None if wait_s is None else loop.time() + wait_s
    with state.attended():
        while deadline is None or loop.time() < deadline:
            if state.feed.closed:
                raise ConnectionAbortedError("the service stops")
            seen = state.feed.commits  # before the look: an end that comes after it is a new commit
            text.ended = not await _in(state, run, states)
            while (end := await asyncio.to_thread(text.size)) > start:
                async for piece in span(text, start, end):
                    start += len(piece)
                    yield piece
                if (gap := gap_of(text.path)) and gap.skip(start) != start:
                    raise ConnectionAbortedError("a part of the log was left out")
            if text.ended:
                return
            await _grown(state, text, start, seen, deadline)


async def _grown(state: ServiceState, text: LogText, start: int, seen: int, deadline: float | None) -> None:
    """Until the file is longer than `start`, something was committed since `seen`, or time is up."""
    loop = asyncio.get_running_loop()
    while text.size() <= start and state.feed.commits == seen:
        if deadline is not None and loop.time() >= deadline:
            return
        await asyncio.sleep(LOOK_EVERY_S)


async def _in(state: ServiceState, run: str, states: tuple[str, ...]) -> bool:
    row = await state.database.read(runs.run_row, run)
    return row is not None and row.state in states
