"""Getting shims from the warm process, and knowing when one has ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from jobs_jupyter.service import machine, shim
from jobs_jupyter.service.private import umask_of_jobs

POLL_S = 1.0


class Shims:
    """The warm process that forks a shim in a millisecond; started again when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()

    async def warm_up(self) -> None:
        """Start the warm process where none runs."""
        if self._streams is not None and not self._streams[0].at_eof():
            return
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - asyncio's own would reap it by polling
                [sys.executable, "-I", "-S", shim.__file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                umask=umask_of_jobs(),
            )
        self._streams = await asyncio.open_unix_connection(sock=ours)

    async def fork(self, spec: dict[str, Any]) -> int:
        """Return the pid of a new shim for the run that `spec` describes.

        ConnectionError: the warm process died; whether the shim exists is for its claim to say.
        """
        async with self._lock:
            await self.warm_up()
            assert self._streams is not None
            reader, writer = self._streams
            writer.write(json.dumps(spec).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
        if not line:
            raise ConnectionError("the warm process that starts runs has died")
        answer = json.loads(line)
        if "error" in answer:
            raise OSError(answer["error"])
        return int(answer["pid"])

    def close(self) -> None:
        """End the warm process; shims go on."""
        if self._streams is not None:
            with contextlib.suppress(OSError):  # at once: the transport's own close waits for the loop
                self._streams[1].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
            self._streams[1].close()
            self._streams = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            self._process = None


def on_exit(pid: int, started: str | None, call: Callable[[], None]) -> None:
    """Call once when the process `pid` that started then has ended; at once where it has already."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = machine.exit_descriptor(pid)
    except OSError:  # a kernel without pidfds, or a sandbox that forbids them
        _poll(loop, pid, machine.start_time(pid), call)
        return
    if descriptor is None or (started is not None and not machine.is_alive(pid, started)):
        if descriptor is not None:
            os.close(descriptor)
        loop.call_soon(call)
        return

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        call()

    loop.add_reader(descriptor, ended)


def _poll(loop: asyncio.AbstractEventLoop, pid: int, started: str | None, call: Callable[[], None]) -> None:
    if started is None or not machine.is_alive(pid, started):
        call()
    else:
        loop.call_later(POLL_S, _poll, loop, pid, started, call)
