"""What a run is held to while it runs, and what it has used: the shim's eye on its processes.

A limit on memory is the kernel's where the run can have a control group of its own. Elsewhere the
memory of its processes is looked at, more often the nearer they come, and a run that has more
than it may is ended; without the pages of files, which the kernel would take back.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any

from jobs_jupyter.service import machine
from jobs_jupyter.service.cgroups import MemoryGroup
from jobs_jupyter.service.log_bound import LogBound
from jobs_jupyter.service.meter import EVERY_S, Meter
from jobs_jupyter.service.tree import held

FIRST_S = 0.2
NEAR_S = 0.1  # between two looks at a run that may soon be over a limit
MOST_BUSY = 0.05  # of the time goes into samples
SIGKILL = 9


class Watch:
    """Looks at one run from time to time.

    Of `spec` it reads `cpus` (a list of indices, empty: all of them), `memory` (bytes, None: no limit),
    `cgroup` (the directory of the group to make for that, None: none can be made), `usage`, `log`,
    `gap` (paths) and `log_max_bytes` (None: no limit).
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.limit: int | None = spec["memory"]
        self.group: MemoryGroup | None = None
        self.meter = Meter(os.getpid(), spec["usage"])
        self.reaped_cpu_s = 0.0
        self._reaped_peak = 0
        self._log = LogBound(spec["log"], spec["gap"], spec["log_max_bytes"])
        self._cpus: list[int] = spec["cpus"]
        self._cgroup: str | None = spec["cgroup"]
        self._started = self._next_at = 0.0
        self._exact_at = 0.0
        self._ooms: list[int] = []  # at the last two looks

    def begin(self) -> None:
        """Get ready for the run's first process."""
        if self.limit is not None and self._cgroup is not None:
            self.group = _group(self._cgroup, self.limit)
        self._started = time.monotonic()
        self._next_at = self._started + FIRST_S

    @property
    def holds(self) -> bool:
        """Whether the run's first process has to submit to anything."""
        return bool(self._cpus) or self.group is not None

    def hold(self) -> None:
        """In the run's first process: submit it, and all that it starts, to the limits. Raises an OSError."""
        machine.use_cpus(self._cpus)
        if self.group:
            self.group.enter()

    def pause_s(self) -> float:
        """Return for how long nothing has to be looked at."""
        return max(0.0, self._next_at - time.monotonic())

    def look(self) -> str | None:
        """Take a sample if it is time; returns why the run must end: `memory` or `log`, else None."""
        now = time.monotonic()
        if now < self._next_at:
            return None
        self._ooms = [*self._ooms[-1:], machine.oom_kills()]
        with contextlib.suppress(OSError, ValueError, IndexError):  # it costs a sample, not the run
            self.meter.look(now - self._started, self.reaped_cpu_s)
        took_s = time.monotonic() - now
        log_kept = self._log.keep()
        pause_s = NEAR_S if self._log.hurried or self._is_near() else EVERY_S
        self._next_at = time.monotonic() + max(pause_s, took_s / MOST_BUSY)
        if self._has_too_much():
            return "memory"
        return None if log_kept else "log"

    def reaped(self, used: Any) -> None:
        """Count what a process had used that has ended (its `rusage`, its waited-for children included)."""
        self.reaped_cpu_s += used.ru_utime + used.ru_stime
        if self.meter.apart:
            return  # an engine's processes are larger than many a job
        self._reaped_peak = max(self._reaped_peak, used.ru_maxrss * machine.MAXRSS_UNIT)

    def out_of_memory(self, code: int | None) -> bool:
        """Whether a run that ended with this exit code (negative: a signal) ran out of its memory."""
        return code != 0 and self.group is not None and self.group.kills() > 0

    def killed_by_kernel(self, code: int | None) -> bool:
        """Whether the kernel killed for want of memory when the run was killed: then it was its doing."""
        return code in (-SIGKILL, 128 + SIGKILL) and machine.oom_kills() > min(self._ooms, default=1 << 62)

    def totals(self, cause: str) -> dict[str, Any]:
        """Return what the run has used, seconds and bytes, None where nothing was seen; and what it might."""
        own = machine.peak_memory()  # a child begins as a copy of the shim
        peak = max(self.meter.peak, self._reaped_peak if self._reaped_peak > own else 0)
        if cause == "memory" and self.group:
            peak = self.group.peak() or peak  # samples count pages that the group does not own
        limits = {"memory": self.limit, "log": self._log.most}
        return {
            "limit": limits.get(cause),
            "cpu_time_s": round(max(self.reaped_cpu_s, self.meter.cpu_s), 6),
            "peak_memory": peak or None,
        }

    def close(self) -> None:
        """Leave nothing behind: no group, and no more of the log than is kept."""
        with contextlib.suppress(OSError):  # the run's end is what has to be written down
            self._log.keep()
        if self.group:
            self.group.clear()

    def _is_near(self) -> bool:
        return self.limit is not None and self.group is None and self.meter.memory > self.limit / 2

    def _has_too_much(self) -> bool:
        if self.limit is None:
            return False
        if self.group:
            return self.group.kills() > 0
        now = time.monotonic()
        if self.meter.memory <= self.limit or now < self._exact_at:
            return False
        memory = held(self.meter.pids) or self.meter.memory
        self._exact_at = now + (time.monotonic() - now) * 20
        return memory > self.limit


def _group(folder: str, limit: int) -> MemoryGroup | None:
    group = MemoryGroup(folder)
    try:
        group.make(limit)
    except OSError:
        group.clear()
        return None
    return group
