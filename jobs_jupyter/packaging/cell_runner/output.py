"""stdout and stderr: each complete line is in the log before the next statement runs."""

from __future__ import annotations

import io
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

WINDOW_S = 0.05
PARTS = 20  # parts of lines that are written at once within a window


class Lines(io.TextIOWrapper):
    """Text of which each complete line is written at once, by one system call.

    A part of a line is written at once too, unless 20 others were within 50 ms: `print(x)` writes a part,
    then its newline, and a loop of them would make two system calls a line. What is left is written
    with the next line or part, by a flush, by `input()` and at exit. A forked process, whose lines come
    between those of others, writes whole lines only.
    """

    _process = os.getpid()
    _parts = PARTS
    _until = 0.0  # before that, parts wait

    def write(
        self,
        text: str,
        /,
        write: Callable[[io.TextIOWrapper, str], int] = io.TextIOWrapper.write,
        now: Callable[[], float] = time.monotonic,
    ) -> int:
        """Write text; return its length in characters."""
        if text == "\n":
            return write(self, text)
        count = write(self, text)  # writes what is complete
        if now() >= self._until:
            self._parts -= 1
            if self._parts < 0:
                self._parts, self._until = PARTS, now() + WINDOW_S
            self.flush_part()
        return count

    def flush_part(self) -> None:
        """Write what there is of a line, unless this process was forked."""
        if os.getpid() == self._process:
            self.flush()


class ErrorLines(Lines):
    """Lines that come after what stdout has; no part of them waits."""

    before: Lines | None = None

    def write(self, text: str, /, *_: object) -> int:
        """Write text; return its length in characters."""
        if self.before is not None and not self.before.closed:
            self.before.flush_part()
        count = io.TextIOWrapper.write(self, text)
        self.flush_part()
        return count


def open_streams() -> list[IO[str]]:
    """Replace stdout and stderr; return those that there are."""
    out, err = _open(1, "<stdout>", Lines), _open(2, "<stderr>", ErrorLines)
    if isinstance(err, ErrorLines):
        err.before = out
        sys.stderr = sys.__stderr__ = err  # type: ignore[misc]
    if out is not None:
        sys.stdout = sys.__stdout__ = out  # type: ignore[misc]
    return [stream for stream in (out, err) if stream is not None]


def flush(streams: list[IO[str]]) -> None:
    """Write what is left, also where the user's program has replaced `sys.stdout`."""
    for stream in streams:
        with suppress(OSError, ValueError):  # no reader, closed
            stream.flush()


def _open(descriptor: int, name: str, kind: type[Lines]) -> Lines | None:
    try:
        raw = io.FileIO(descriptor, "w", closefd=False)
        raw.name = name  # as Python's own has
    except OSError:
        return None  # closed
    # A file takes all that is written, as a log does; a pipe may take less, and somebody has to go on.
    is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    buffer: io.FileIO | io.BufferedWriter = raw if is_file else io.BufferedWriter(raw)
    stream = kind(buffer, "utf-8", "backslashreplace", newline="\n", line_buffering=True)
    stream.mode = "w"  # type: ignore[misc]
    return stream
