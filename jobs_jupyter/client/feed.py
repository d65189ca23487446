"""The one asynchronous place on the client's side: one thread serves all panels of a kernel."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import httpx

from jobs_jupyter.client import service
from jobs_jupyter.client.job_watch import JobWatch, ViewCallback
from jobs_jupyter.client.link import Link
from jobs_jupyter.client.log_follow import LogFollower, LogPart, LogRequest, LogSink
from jobs_jupyter.client.service import Endpoint

__all__ = ["Feed", "LogPart", "LogRequest", "LogSink", "ViewCallback", "kernel_feed"]

# Leaves connections of the pool (100) for the event stream and for actions.
MAX_LOGS = 80

T = TypeVar("T")
Cancel = Callable[[], None]

log = logging.getLogger(__name__)


class Feed:
    """Watches jobs, follows logs and carries out actions on a daemon thread of its own.

    The thread starts with the first use. Methods may be called from any thread; callbacks and
    sinks are called on the feed's loop and must not block. In a forked child the feed begins anew.
    """

    def __init__(self, ensure: Callable[[], Endpoint] = service.ensure) -> None:
        """Reach the service that `ensure` finds or starts; not before there is something to do."""
        self._ensure = ensure
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def watch(self, job_id: str, callback: ViewCallback) -> Cancel:
        """Call `callback` with the job's view: as it is now, then after each change.

        Events that came at once are told as one. Returns what ends it.
        """
        self.start()
        watch = self._watch
        self.loop.call_soon_threadsafe(watch.add, job_id, callback)
        return lambda: self.soon(lambda: watch.remove(job_id, callback))

    def follow_log(self, job_id: str, wanted: LogRequest, sink: LogSink) -> Cancel:
        """Deliver a run's log, as far as it is wanted, to `sink`.

        The next part is not cut before `sink` has returned: it may wait, for pacing. A log that
        grows faster than that is passed over; with `whole` it is not, and not followed either.
        """
        self.start()

        async def follow() -> None:
            async with self._room:
                await LogFollower(self._link, job_id, wanted, sink).run()

        return self.spawn(follow)

    def spawn(self, work: Callable[[], Awaitable[None]]) -> Cancel:
        """Run `work` on the loop; returns what cancels it."""
        self.start()
        cancelled = False
        task: asyncio.Task[None] | None = None

        async def run() -> None:
            try:
                await work()
            except Exception:  # nothing may be printed from here
                log.debug("work on the feed failed", exc_info=True)

        def begin() -> None:
            nonlocal task
            if not cancelled:
                task = asyncio.create_task(run())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

        def cancel() -> None:
            nonlocal cancelled
            cancelled = True
            if task is not None:
                task.cancel()

        self.loop.call_soon_threadsafe(begin)
        return lambda: self.soon(cancel)

    def call(self, action: Callable[[httpx.AsyncClient], Awaitable[T]]) -> Future[T]:
        """Carry out `action` with the service's HTTP client; starts the service if none runs.

        Where the service could not be connected to, and so has not seen it, the action is tried again.
        """
        self.start()
        return asyncio.run_coroutine_threadsafe(self._call(action), self.loop)

    async def _call(self, action: Callable[[httpx.AsyncClient], Awaitable[T]]) -> T:
        try:
            return await action(await self._link.http())
        except httpx.ConnectError:
            self._link.invalidate()
            return await action(await self._link.http())

    @property
    def streaming(self) -> bool:
        """Whether the event stream is open; for tests."""
        return self._thread is not None and self._watch.streaming

    def start(self) -> None:
        """Start the thread, if it does not run in this process yet."""
        if self._pid != os.getpid():
            self._begin()
        with self._lock:
            if self._thread is not None:
                return
            ready = threading.Event()
            self.loop = asyncio.new_event_loop()
            # Its default would log to stderr, which lands in whichever cell is the latest.
            self.loop.set_exception_handler(_quiet)
            self._thread = threading.Thread(
                target=self._run, args=(ready,), name="jobs-jupyter-feed", daemon=True
            )
            self._thread.start()
            ready.wait()

    def close(self) -> None:
        """End all streams and the thread; the next use starts again."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(self._shutdown(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join(5)

    async def _shutdown(self) -> None:
        tasks = asyncio.all_tasks(self.loop) - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._link.close()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self._link = Link(self._ensure)
        self._watch = JobWatch(self._link)
        self._room = asyncio.Semaphore(MAX_LOGS)
        self.loop.call_soon(ready.set)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def soon(self, action: Callable[[], object]) -> None:
        """Run `action` on the loop, if there still is one."""
        if self._pid == os.getpid() and self._thread is not None:
            self.loop.call_soon_threadsafe(action)


def _quiet(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    log.debug("%s", context.get("message"), exc_info=context.get("exception"))


_feed: Feed | None = None


def kernel_feed() -> Feed:
    """Return this process's feed."""
    global _feed  # noqa: PLW0603
    if _feed is None:
        _feed = Feed()
    return _feed
