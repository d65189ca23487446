"""How often a kernel may send to its pages: Jupyter drops messages when they come too fast."""

from __future__ import annotations

import asyncio

PANEL_INTERVAL_S = 1 / 10
KERNEL_INTERVAL_S = 1 / 60


class Pacer:
    """Hands out the moments at which messages may be sent, 1/60 s apart for all panels together."""

    def __init__(self, interval_s: float = KERNEL_INTERVAL_S) -> None:
        """Begin with a free moment."""
        self._interval_s = interval_s
        self._next = 0.0

    async def slot(self, not_before: float = 0.0) -> None:
        """Wait for the next free moment that is not before `not_before` (the loop's time)."""
        loop = asyncio.get_running_loop()
        # Those who only wait for their own interval must not hold up the others.
        if not_before > loop.time():
            await asyncio.sleep(not_before - loop.time())
        at = max(loop.time(), self._next)
        self._next = at + self._interval_s
        if at > loop.time():
            await asyncio.sleep(at - loop.time())


pacer = Pacer()
"""The one of this kernel."""
