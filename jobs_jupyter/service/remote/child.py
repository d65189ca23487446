"""Asking the program that talks to remote stores, and hearing what it says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from jobs_jupyter.service import tools

PROGRAM = Path(__file__).with_name("__main__.py")
VARIABLE, MARK = "JOBS_JUPYTER_REMOTE", b"\x1e"
LAST_WORDS = 500  # characters
LONGEST_LINE = 1 << 20  # bytes; what a library prints without an end is not kept

Heard = Callable[[int, int | None], Awaitable[None]]
"""Called with how many bytes have passed, and how many there are in all, if that is known."""


class RemoteError(Exception):
    """What was asked of a remote store failed; `again`: trying again may help."""

    def __init__(self, message: str, *, again: bool) -> None:
        super().__init__(message)
        self.again = again


async def ask(
    task: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    within_s: float,
    heard: Heard | None = None,
) -> dict[str, Any]:
    """Have the program do something, and return what came of it.

    Args:
        task: what it shall do.
        environment: all of its variables.
        within_s: how long it may say nothing, in seconds.
        heard: told of its progress.

    Raises:
        RemoteError: it failed, or said nothing for too long; it has ended then.
    """
    lines = _Lines()
    variables = {**environment, VARIABLE: json.dumps({**task, "sys_path": sys.path})}
    command = [sys.executable, "-I", "-B", str(PROGRAM)]
    work = asyncio.create_task(tools.run(command, lines.feed, environment=variables))
    work.add_done_callback(lambda _: lines.messages.put_nowait(None))
    try:
        return await _result(lines, within_s, heard)
    except TimeoutError:
        raise RemoteError(f"nothing came from it within {within_s:g} s", again=True) from None
    finally:
        work.cancel()
        await asyncio.wait({work})
        with contextlib.suppress(asyncio.CancelledError):
            work.exception()


async def _result(lines: _Lines, within_s: float, heard: Heard | None) -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(within_s) as patience:
        while (message := await lines.messages.get()) is not None:
            patience.reschedule(loop.time() + within_s)
            if "error" in message:
                raise RemoteError(message["error"], again=message["again"])
            if "bytes" not in message:
                return message
            if heard is not None:
                await heard(message["bytes"], message["of"])
    raise RemoteError(f"the program that reads it died: {lines.last_words or 'it was killed'}", again=True)


class _Lines:
    """Takes the program's messages out of all that it prints."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.last_words = ""
        self._held = b""

    def feed(self, output: bytes) -> None:
        *lines, held = (self._held + output).split(b"\n")
        self._held = held[:LONGEST_LINE]
        for line in lines:
            if line.startswith(MARK):
                self.messages.put_nowait(json.loads(line.removeprefix(MARK)))
            elif line.strip():
                self.last_words = line.decode(errors="replace")[-LAST_WORDS:]
