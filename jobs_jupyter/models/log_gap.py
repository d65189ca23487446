"""What of a log is no longer there: its middle, once it had grown beyond its bound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from jobs_jupyter.models.sizes import human


class LogGap(NamedTuple):
    """The bytes from `start` up to `end` were left out; everything else is at its offset."""

    start: int
    end: int

    def skip(self, offset: int) -> int:
        """Return the offset of what comes next: the gap's end for one inside the gap."""
        return self.end if self.start <= offset < self.end else offset


def gap_of(log: Path) -> LogGap | None:
    """Return the gap of a log file, which lies beside it; None: it is whole."""
    try:
        start, end = json.loads(log.with_name(f"{log.name}.gap").read_bytes())
    except FileNotFoundError:
        return None
    return LogGap(start, end)


def mark(count: int) -> bytes:
    """Return the line that is shown in the place of so many bytes."""
    return f"… {human(count)} of this log were left out …\n".encode()
