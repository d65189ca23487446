"""One log on its way to one page: credits, pace, and a word when the page has gone quiet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jobs_jupyter.client.feed import LogPart
from jobs_jupyter.notebook.pace import PANEL_INTERVAL_S, Pacer

Send = Callable[[dict[str, Any], list[bytes]], None]

# What may be on its way without the page having said that it is shown: two messages.
CREDIT_BYTES = 512 * 1024
# Of a log that a page wants as a whole, messages are larger and come faster: half of what a kernel may
# send is left to the other panels.
WHOLE_CREDIT_BYTES = 2 * 1024 * 1024
WHOLE_INTERVAL_S = 1 / 30
# Without a word from the page for so long, it is told how far the log was sent, since messages get
# lost; each time the wait doubles, and then the page has to speak first.
PROBE_AFTER_S = 2.0
PROBES = 5


class LogStream:
    """The sink of one followed log; `send` gets small messages with at most one buffer."""

    def __init__(self, client: str, req: int, send: Send, pacer: Pacer, *, whole: bool = False) -> None:
        """Send to the page's `client` as answers to its request `req`, which may want the `whole` log."""
        self._most = WHOLE_CREDIT_BYTES if whole else CREDIT_BYTES
        self._interval_s = WHOLE_INTERVAL_S if whole else PANEL_INTERVAL_S
        self._address = {"client": client, "req": req}
        self._send, self._pacer = send, pacer
        self._sent = 0
        self._acknowledged: int | None = None
        self._credit = asyncio.Event()
        self._last = 0.0
        self._probe: asyncio.TimerHandle | None = None
        self._probes = 0
        self._over = False

    async def __call__(self, part: LogPart) -> None:
        """Send a part, then wait until the next one may be sent."""
        if part.error is not None:
            self._post("error", message=part.error, retrying=part.retrying)
        elif part.ended:
            self._over = True
            self._sent = part.offset
            self._post("end", offset=part.offset)
        else:
            self._data(part)
        await self._ready()

    def acknowledge(self, offset: int) -> None:
        """Note that the page has shown everything before `offset`."""
        if self._acknowledged is None or offset > self._acknowledged:
            self._acknowledged = offset
        self._probes = 0
        self._credit.set()
        self._watch()

    def close(self) -> None:
        """Send nothing more."""
        self._stop_probe()
        self._send = _nothing

    def _data(self, part: LogPart) -> None:
        if self._acknowledged is None:
            self._acknowledged = part.offset
        else:  # what is passed over needs no answer
            self._acknowledged += part.passed_over
        self._sent = part.offset + len(part.data)
        self._post("log", part.data, offset=part.offset, passed_over=part.passed_over)
        self._watch()

    async def _ready(self) -> None:
        self._last = asyncio.get_running_loop().time()
        while self._acknowledged is not None and self._sent - self._acknowledged >= self._most:
            self._credit.clear()
            await self._credit.wait()
        await self._pacer.slot(self._last + self._interval_s)

    def _post(self, kind: str, data: bytes | None = None, **fields: Any) -> None:
        self._send({"type": kind, **self._address, **fields}, [] if data is None else [data])

    def _watch(self) -> None:
        """Set the alarm for the next probe, while anything is unanswered."""
        self._stop_probe()
        waiting = self._acknowledged is not None and self._acknowledged < self._sent
        if waiting and self._probes < PROBES:
            delay = PROBE_AFTER_S * 2**self._probes
            self._probe = asyncio.get_running_loop().call_later(delay, self._ask)

    def _ask(self) -> None:
        self._probes += 1
        self._post("end" if self._over else "at", offset=self._sent)
        self._watch()

    def _stop_probe(self) -> None:
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None


def _nothing(_message: dict[str, Any], _buffers: list[bytes]) -> None:
    pass
