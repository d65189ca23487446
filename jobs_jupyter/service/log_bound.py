"""Keeping a log that runs away within its bound: its beginning and its end stay, the middle goes.

The middle is given back to the file system as a hole, so that every byte that stays keeps its
offset. What was left out is written down before it goes: whoever reads the log learns of the gap
first and never takes the zeros of the hole for what the job wrote.
"""

from __future__ import annotations

import errno
import json
import os

from jobs_jupyter.service import durable, machine

BLOCK = 4096
HEAD = 8  # one part of so many of the bound is the beginning's,
TAIL = 2  # and one of so many is left of the end


class LogBound:
    """Bounds one log to `most` bytes on disk; None: it may have any size."""

    def __init__(self, log: str, gap: str, most: int | None) -> None:
        self._log, self._gap, self.most = log, gap, most
        self._end = 0
        self._size = 0
        self.hurried = False  # it grew so much since the look before that it could soon be too long

    def keep(self) -> bool:
        """Make a hole, or a larger one, where the log has grown too long; False where that can't be done."""
        if self.most is None:
            return True
        try:
            size = os.stat(self._log).st_size
        except OSError:
            return True  # the job, or a delete, has removed it
        self.hurried, self._size = size - self._size > self.most // HEAD, size
        start = _up(self.most // HEAD)
        left_out = max(0, self._end - start)
        if size - left_out <= self.most:
            return True
        end = _up(size - self.most // TAIL) - BLOCK
        return end <= max(start, self._end) or self._leave_out(start, end)

    def _leave_out(self, start: int, end: int) -> bool:
        if not durable.write(self._gap, json.dumps([start, end])):
            return True  # a full disk: at the next look
        descriptor = os.open(self._log, os.O_WRONLY)
        try:
            machine.punch_hole(descriptor, start, end)
        except OSError as problem:
            if problem.errno == errno.EINTR:
                return True
            if not self._end:
                os.unlink(self._gap)  # nothing was left out after all
            return False
        finally:
            os.close(descriptor)
        self._end = end
        return True


def _up(number: int) -> int:
    return -(-number // BLOCK) * BLOCK
