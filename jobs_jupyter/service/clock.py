"""Time as the service keeps it: whole microseconds since 1970, in UTC."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

SECOND = 1_000_000
MOST_AHEAD_S = 3600


class Clock:
    """Gives each caller a later time than the one before, so that order of creation is an order.

    A machine's clock that is set back does not stop this one: it goes on from where it is, at the pace
    of a clock that nobody sets. One that is set forward is followed.

    Args:
        after: in microseconds, the last time that was written down, by an earlier service. It is gone
            on from, unless it is more than `MOST_AHEAD_S` ahead: then that clock was wrong.
        source, steady: the machine's clocks, in seconds: the one that is set, the one that is not.
    """

    def __init__(
        self,
        after: int = 0,
        source: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._steady = steady
        self._last = after if after <= (source() + MOST_AHEAD_S) * SECOND else 0
        self._seen = steady()
        self._lock = threading.Lock()

    def now(self) -> int:
        """The time now, in microseconds; strictly increasing."""
        with self._lock:
            steady = self._steady()
            passed = int((steady - self._seen) * SECOND)
            self._seen = steady
            self._last = max(int(self._source() * SECOND), self._last + max(1, passed))
            return self._last


def iso(at: int | None) -> str | None:
    """Render microseconds as ISO 8601 in UTC."""
    return None if at is None else f"{_iso_second(at // SECOND)}.{at % SECOND:06}Z"


@lru_cache(4096)
def _iso_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
