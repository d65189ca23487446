"""How much CPU time and memory a run has used: sampled, and kept as a series that stays small.

Pages that processes share are counted once, which is costly to find out: it is done as often as
takes half a percent of the time, or two where processes have come or gone; in between, what it
found is scaled by what is cheap to know.

The series is a file of records: seconds since the run's start, seconds of CPU time so far, bytes of
memory. When it has `MOST` of them, each two become one, and from then on half as many are taken:
a run of a week has no more of them than one of twenty minutes.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from jobs_jupyter.service import tree

RECORD = struct.Struct("<ddQ")
MOST = 600
EVERY_S = 1.0
SHARE, SHARE_OF_NEWS = 0.005, 0.02  # of the time that may go into counting shared pages


class Meter:
    """What one run's processes, all below `root`, use."""

    def __init__(self, root: int, path: str) -> None:
        self.root = root
        self.cpu_s = 0.0
        self.memory = 0
        self.peak = 0  # bytes
        self.apart = 0  # the pid of a process that is not the run's own, but what it needs to start
        self.pids: list[int] = []
        self._series = Series(path)
        self._shared = 1.0  # how much is left of the memory when shared pages are counted once
        self._counted_pids: list[int] = []
        self._counted_at = self._count_took = 0.0

    def look(self, elapsed_s: float, reaped_cpu_s: float) -> None:
        """Take a sample, `elapsed_s` after the run's start; those reaped so far have used `reaped_cpu_s`."""
        found = [process for process in tree.below(self.root) if process.pid != self.apart]
        self.pids = [process.pid for process in found]
        self.cpu_s = max(self.cpu_s, reaped_cpu_s + sum(process.cpu_s for process in found))
        self.memory = self._counted(sum(process.memory for process in found))
        self.peak = max(self.peak, self.memory)
        self._series.add(elapsed_s, self.cpu_s, self.memory)

    def _counted(self, memory: int) -> int:
        if len(self.pids) < 2 or not memory:
            return memory
        now = time.monotonic()
        share = SHARE if self.pids == self._counted_pids else SHARE_OF_NEWS
        if now >= self._counted_at + self._count_took / share:
            if once := tree.proportional(self.pids):  # else they have just ended, or nobody tells
                self._shared = min(1.0, once / memory)
            self._counted_pids, self._counted_at = self.pids, now
            self._count_took = time.monotonic() - now
        return int(memory * self._shared)


class Series:
    """The file of records, which never has more than `MOST`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._every_s = EVERY_S
        self._next_at = 0.0
        self._highest = 0
        self._records: list[bytes] = []

    def add(self, elapsed_s: float, cpu_s: float, memory: int) -> None:
        """Keep a sample if it is due; of the memory, the highest since the one before it."""
        self._highest = max(self._highest, memory)
        if elapsed_s < self._next_at:
            return
        self._records.append(RECORD.pack(elapsed_s, cpu_s, self._highest))
        self._next_at, self._highest = elapsed_s + self._every_s * 0.95, 0
        with contextlib.suppress(OSError):  # a full disk costs samples, not the run
            if len(self._records) < MOST:
                self._write(self._path, self._records[-1:], os.O_APPEND)
            else:
                self._thin()

    def _thin(self) -> None:
        self._records = [_joined(*two) for two in zip(self._records[::2], self._records[1::2], strict=True)]
        self._every_s *= 2
        scratch = f"{self._path}.new"
        self._write(scratch, self._records, os.O_TRUNC)
        os.rename(scratch, self._path)

    def _write(self, path: str, records: list[bytes], flag: int) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
        try:
            os.write(descriptor, b"".join(records))
        finally:
            os.close(descriptor)


def _joined(earlier: bytes, later: bytes) -> bytes:
    """Return the later of two records, with the higher memory of both."""
    at, cpu_s, memory = RECORD.unpack(later)
    return RECORD.pack(at, cpu_s, max(memory, RECORD.unpack(earlier)[2]))
