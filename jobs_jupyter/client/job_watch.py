"""One event stream for all the jobs that somebody in this process watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from jobs_jupyter.client.link import Backoff, Link, raise_for_error
from jobs_jupyter.client.sse import Event, SSEDecoder
from jobs_jupyter.models.errors import JobsError

ViewCallback = Callable[[dict[str, Any]], None]

log = logging.getLogger(__name__)

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "TERMINATED"})
# More names than this do not fit a request's line: the stream is then unfiltered.
MAX_FILTER = 200


@dataclass(slots=True)
class _Watched:
    seq: int = 0
    view: dict[str, Any] | None = None
    over: bool = False
    callbacks: list[ViewCallback] = field(default_factory=list)


class JobWatch:
    """Keeps the stream open while a watched job can still change, and closes it otherwise.

    All methods belong to the loop; callbacks are called there, and must not block.
    """

    def __init__(self, link: Link) -> None:
        """Watch nothing yet."""
        self._link = link
        self._jobs: dict[str, _Watched] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, job_id: str, callback: ViewCallback) -> None:
        """Call `callback` with the job's state as it is now, and after each change."""
        job = self._jobs.get(job_id)
        known = job is not None
        if job is None:
            job = self._jobs[job_id] = _Watched()
        job.callbacks.append(callback)
        if job.view is not None:
            _tell(callback, job.view)
        if not known:
            self._restart()

    def remove(self, job_id: str, callback: ViewCallback) -> None:
        """Undo `add`."""
        job = self._jobs.get(job_id)
        if job is None or callback not in job.callbacks:
            return
        job.callbacks.remove(callback)
        if not job.callbacks:
            del self._jobs[job_id]
        if not self._wanted() and self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def streaming(self) -> bool:
        """Whether a stream is open, or being opened."""
        return self._task is not None and not self._task.done()

    def _wanted(self) -> bool:
        return any(not job.over for job in self._jobs.values())

    def _restart(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        backoff = Backoff()
        while self._wanted():
            try:
                await self._stream(backoff)
            except (httpx.HTTPError, JobsError) as error:
                log.debug("the event stream broke: %r", error)
                self._link.invalidate()
            if self._wanted():
                await backoff.pause()

    async def _stream(self, backoff: Backoff) -> None:
        http = await self._link.http()
        params: list[tuple[str, str | int | float | bool | None]] = [("after", self._after())]
        if len(self._jobs) <= MAX_FILTER:
            params += [("job", job_id) for job_id in self._jobs]
        decoder = SSEDecoder()
        async with http.stream("GET", "/v1/events", params=params) as response:
            await raise_for_error(response)
            async for chunk in response.aiter_raw():
                self._take(decoder.feed(chunk))
                backoff.reset()
                if not self._wanted():
                    return

    def _after(self) -> int:
        # The others' repeated events are dropped by their own numbers.
        return min((job.seq for job in self._jobs.values() if not job.over), default=0)

    def _take(self, events: list[Event]) -> None:
        # Of several that came at once only the last matters: each carries the whole state.
        latest = {}
        for event in events:
            if event.event == "job":
                data = event.json()
                latest[data["job"]["id"]] = data
        for job_id, data in latest.items():
            job = self._jobs.get(job_id)
            # a place in a queue's line is told with the number of the last event
            if job is not None and (data["seq"] > job.seq or data["kind"] == "place"):
                self._changed(job, data)

    def _changed(self, job: _Watched, data: dict[str, Any]) -> None:
        job.seq, job.view = data["seq"], data["job"]
        job.over = data["kind"] == "deleted" or data["job"]["state"] in TERMINAL
        for callback in list(job.callbacks):
            _tell(callback, data["job"])


def _tell(callback: ViewCallback, view: dict[str, Any]) -> None:
    try:
        callback(view)
    except Exception:  # a panel that fails must not take the others' stream down
        log.debug("a watcher failed", exc_info=True)
