"""Something that is built once while several wait for it, all of whom see how."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from jobs_jupyter.service.preparation import Progress

T = TypeVar("T")


async def to_end(work: Callable[..., T], *arguments: Any) -> T:
    """Do work in a thread, and see its end also where this is cancelled: what it writes is removed then."""
    thread = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(thread)
    finally:
        await asyncio.wait({thread})


class Teller:
    """Tells all who wait what was written so far, and what is; line by line, without secrets.

    `hide`: what is never passed on. `activity` returns what a line says that is being done, in words.
    """

    def __init__(self, activity: Callable[[bytes], str | None]) -> None:
        self.listeners: list[Progress] = []
        self.hide: Sequence[bytes] = ()
        self._activity = activity
        self._written = bytearray()
        self._line = b""
        self._said = ""
        self._next: str | None = None
        self._telling: asyncio.Task[None] | None = None

    async def catch_up(self, listener: Progress) -> None:
        """Tell somebody who has come late what was told before."""
        listener.write(bytes(self._written))
        if self._said:
            await listener.say(self._said)

    def write(self, piece: bytes) -> None:
        """Pass on what a program prints."""
        *whole, self._line = (self._line + piece).split(b"\n")
        for line in map(self.hidden, whole):
            self._pass_on(line)
            self._next = self._activity(line) or self._next
        if self._next and self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    def flush(self) -> None:
        """Pass on a last line without its end."""
        if self._line:
            self._pass_on(self.hidden(self._line))
            self._line = b""

    def hidden(self, text: bytes) -> bytes:
        """Return a text without secrets, as long as it was."""
        for secret in self.hide:
            text = text.replace(secret, b"*" * len(secret))
        return text

    async def say(self, text: str) -> None:
        """Say what is being done, in one line."""
        self._said = text
        await asyncio.gather(*(listener.say(text) for listener in self.listeners))

    async def _tell(self) -> None:
        """Say the latest of what goes by faster than it can be said."""
        try:
            while text := self._next:
                self._next = None
                await self.say(text)
        finally:
            self._telling = None

    def _pass_on(self, line: bytes) -> None:
        self._written += line + b"\n"
        for listener in self.listeners:
            listener.write(line + b"\n")


class SharedBuild:
    """A build, and those who wait for it; it is abandoned once nobody does."""

    def __init__(self, teller: Teller, work: Coroutine[Any, Any, None]) -> None:
        self._teller = teller
        self._task = asyncio.create_task(work)

    @property
    def over(self) -> bool:
        """Whether nobody can wait for it any more."""
        return self._task.done() or not self._teller.listeners

    async def follow(self, progress: Progress) -> None:
        """Wait for its end; what fails there fails here."""
        self._teller.listeners.append(progress)
        try:
            await self._teller.catch_up(progress)
            await asyncio.shield(self._task)
        finally:
            self._teller.listeners.remove(progress)
            if not self._teller.listeners:
                self._task.cancel()


class SharedBuilds:
    """What is being built, each thing once; `activity` is for its teller."""

    def __init__(self, activity: Callable[[bytes], str | None]) -> None:
        self._activity = activity
        self._under_way: dict[str, SharedBuild] = {}

    async def follow(
        self, key: str, progress: Progress, build: Callable[[Teller], Coroutine[Any, Any, None]]
    ) -> None:
        """Wait for what is being built under this key, or begin it."""
        if key not in self._under_way:
            tell = Teller(self._activity)
            self._under_way[key] = SharedBuild(tell, build(tell))
        shared = self._under_way[key]
        try:
            await shared.follow(progress)
        finally:
            if shared.over and self._under_way.get(key) is shared:
                del self._under_way[key]
