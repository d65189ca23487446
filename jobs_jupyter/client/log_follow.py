"""Following one run's log: reads ahead a little, resumes by offset, and passes over what is too much."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from jobs_jupyter.client.http import checked
from jobs_jupyter.client.link import Backoff, Link, raise_for_error
from jobs_jupyter.models.errors import JobsError, ServiceError, ServiceUnavailableError

log = logging.getLogger(__name__)

ALIVE = ("STARTING", "RUNNING")
PREPARING = ("STARTING",)
PART_BYTES = 256 * 1024
WHOLE_PART_BYTES = 1024 * 1024  # where somebody wants all, nobody waits for the first line
READ_AHEAD_BYTES = 2 * 1024 * 1024
# A reader that is held up for this long in all asks how much has piled up;
CHECK_AFTER_S = 0.5
# if it is more than this,
MAX_BEHIND_BYTES = 4 * 1024 * 1024
# it goes on this far before the end.
KEEP_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class LogPart:
    """A piece of a log, or news of its stream."""

    offset: int  # of the first byte of `data`
    data: bytes = b""
    passed_over: int = 0  # bytes left out before `data`
    ended: bool = False  # the run has ended and all was delivered
    error: str | None = None  # the stream broke
    retrying: bool = False  # and will go on by itself


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which log is wanted, and what of it.

    `offset` is a byte's, or so many bytes before the end where it is negative. `whole`: what is there now,
    up to the byte `until` where that is given. `kind`: the run's `log`, or its `setup` log.
    """

    run: str
    offset: int
    whole: bool = False
    until: int | None = None
    kind: str = "log"


LogSink = Callable[[LogPart], Awaitable[None]]


class _Outrun(Exception):  # noqa: N818  it is no error
    """The log grows faster than it is taken."""


class LogFollower:
    """Delivers parts of at most 256 KiB to `sink`, one after the other; a slow sink holds it up.

    With `whole`, parts have up to 1 MiB, and all
    that is there now is delivered, however slowly it is taken, and the future is not followed.
    """

    def __init__(self, link: Link, job_id: str, wanted: LogRequest, sink: LogSink) -> None:
        """Prepare; `run` does the work."""
        self._link, self._sink, self._whole = link, sink, wanted.whole
        self._part_bytes = WHOLE_PART_BYTES if wanted.whole else PART_BYTES
        self._wanted = wanted
        offset = wanted.offset
        self._job_url = f"/v1/jobs/{quote(job_id, safe='')}"
        self._url = f"{self._job_url}/runs/{quote(wanted.run, safe='')}/{wanted.kind}"
        self._ask = offset
        self._buffer = bytearray()
        self._at: int | None = offset if offset >= 0 else None  # offset of the buffer's first byte
        self._size: int | None = None  # of the log when it was asked for
        self._passed_over = 0
        self._news: LogPart | None = None
        self._finished = False
        self._stir = asyncio.Event()
        self._space = asyncio.Event()
        self._held_up_s = 0.0

    async def run(self) -> None:
        """Deliver until the end, a final error, or cancellation."""
        reader = asyncio.create_task(self._read())
        try:
            await self._deliver()
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _deliver(self) -> None:
        while True:
            await self._stir.wait()
            if self._buffer:
                await self._sink(self._cut())
                continue
            self._stir.clear()
            if self._news is not None:
                news, self._news = self._news, None
                await self._sink(news)
            if self._finished and not self._buffer:
                return

    def _cut(self) -> LogPart:
        data = bytes(self._buffer[: self._part_bytes])
        del self._buffer[: self._part_bytes]
        part = LogPart(self._at or 0, data, self._passed_over)
        self._at, self._passed_over = part.offset + len(data), 0
        self._space.set()
        return part

    async def _read(self) -> None:
        backoff = Backoff()
        while not self._finished:
            try:
                received = await self._request()
                if self._whole:
                    over = (self._end or 0) >= self._last  # else a part was left out before the end
                else:
                    over = not received and await self._has_ended()
                if received and not over:
                    backoff.reset()
                elif over:
                    self._tell(LogPart(self._end or 0, ended=True), finished=True)
                else:
                    await backoff.pause()
            except _Outrun:
                self._ask = -KEEP_BYTES
            except (httpx.TransportError, ServiceUnavailableError, ServiceError) as error:
                log.debug("the log stream broke: %r", error)
                self._link.invalidate()
                self._tell(LogPart(self._end or 0, error="The log will go on…", retrying=True))
                await backoff.pause()
            except (JobsError, httpx.HTTPError) as error:
                self._tell(LogPart(self._end or 0, error=str(error)), finished=True)

    async def _request(self) -> int:
        """Read one answer to its end; return how many bytes it had."""
        http = await self._link.http()
        params = {"offset": self._ask} if self._whole else {"offset": self._ask, "follow": 1}
        if self._whole and self._wanted.until is not None:
            params["until"] = self._wanted.until
        headers = {"Accept-Encoding": "identity"}
        received = 0
        async with http.stream("GET", self._url, params=params, headers=headers) as response:
            await raise_for_error(response)
            size = int(response.headers["X-Log-Size"])
            self._size = size if self._size is None else min(size, self._size)
            await self._begin(int(response.headers["X-Log-Offset"]))
            async for data in response.aiter_raw():
                received += len(data)
                await self._put(data)
        return received

    async def _has_ended(self) -> bool:
        """Whether nothing can follow: a stream also ends when the service does."""
        http = await self._link.http()
        status = checked(await http.get(self._job_url)).json()
        growing = PREPARING if self._wanted.kind == "setup" else ALIVE
        return all(run["state"] not in growing for run in status["runs"] if run["name"] == self._wanted.run)

    @property
    def _last(self) -> int:
        """Where a log ends of which all is wanted that was there, or a part."""
        size = self._size or 0
        return size if self._wanted.until is None else min(size, self._wanted.until)

    @property
    def _end(self) -> int | None:
        return None if self._at is None else self._at + len(self._buffer)

    async def _begin(self, first: int) -> None:
        end = self._end
        while self._whole and end is not None and first > end and self._buffer:
            self._space.clear()
            await self._space.wait()
        if end is None:
            self._passed_over = first
            self._at = first
        elif first > end:
            # What was read ahead is older than what is left out after it: leave that out, too.
            self._passed_over += first - (end - len(self._buffer))
            self._buffer.clear()
            self._at = first
        self._ask = first if first >= (end or 0) else self._ask

    async def _put(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        while len(self._buffer) >= READ_AHEAD_BYTES:
            self._space.clear()
            before = loop.time()
            await self._space.wait()
            self._held_up_s += loop.time() - before
        self._buffer += data
        self._ask = self._end or 0
        self._stir.set()
        if self._held_up_s > CHECK_AFTER_S and not self._whole:
            self._held_up_s = 0.0
            if await self._behind() > MAX_BEHIND_BYTES:
                raise _Outrun

    async def _behind(self) -> int:
        """Return how many bytes have been written and not yet been read."""
        http = await self._link.http()
        response = checked(await http.get(self._url, params={"offset": -1}))
        return int(response.headers["X-Log-Size"]) - (self._end or 0)

    def _tell(self, news: LogPart, *, finished: bool = False) -> None:
        self._news, self._finished = news, finished
        self._stir.set()
