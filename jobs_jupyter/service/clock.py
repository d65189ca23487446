"""Time as the service keeps it: whole microseconds since 1970, in UTC."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

SECOND = 1_000_000


class Clock:
    """Gives each caller a later time than the one before, so that order of creation is an order."""

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._last = 0
        self._lock = threading.Lock()

    def now(self) -> int:
        """The time now, in microseconds; strictly increasing."""
        with self._lock:
            self._last = max(int(self._source() * SECOND), self._last + 1)
            return self._last


def iso(at: int | None) -> str | None:
    """Render microseconds as ISO 8601 in UTC."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at // SECOND, UTC).replace(microsecond=at % SECOND)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
