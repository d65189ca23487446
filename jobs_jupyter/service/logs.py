"""Reading a run's log: its first lines, its last lines, or all of it, as bytes.

A line ends in a newline and in nothing else: a progress bar's carriage return does not end one.
The answer ends in a newline, and is empty where there is no line.
"""

from __future__ import annotations

import os
from pathlib import Path

BLOCK = 64 * 1024


def read(path: Path, mode: str, max_lines: int | None) -> bytes:
    """Return the first (`HEAD`) or last (`TAIL`) `max_lines` lines, or all where that is None."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        end = os.fstat(descriptor).st_size
        if max_lines is None:
            found = _span(descriptor, 0, end)
        elif mode == "HEAD":
            found = _span(descriptor, 0, _end_of_line(descriptor, max_lines, end))
        else:
            found = _span(descriptor, _start_of_last(descriptor, max_lines, end), end)
    finally:
        os.close(descriptor)
    return found + b"\n" if found and not found.endswith(b"\n") else found


def size(path: Path) -> int:
    """Return how many bytes the log has; 0 where it does not exist yet."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _span(descriptor: int, start: int, end: int) -> bytes:
    pieces = []
    while start < end:
        piece = os.pread(descriptor, min(end - start, 1 << 24), start)
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _end_of_line(descriptor: int, count: int, end: int) -> int:
    """Return the offset behind the `count`-th newline, or `end`."""
    at = 0
    while at < end:
        block = os.pread(descriptor, BLOCK, at)
        if not block:
            break
        if (here := block.count(b"\n")) >= count:
            place = -1
            for _ in range(count):
                place = block.index(b"\n", place + 1)
            return min(at + place + 1, end)
        count -= here
        at += len(block)
    return end


def _start_of_last(descriptor: int, count: int, end: int) -> int:
    """Return the offset at which the last `count` lines start, reading backwards from the end."""
    if not end:
        return 0
    # the newline that ends the last line starts none
    at = end - 1 if os.pread(descriptor, 1, end - 1) == b"\n" else end
    while at > 0:
        start = max(0, at - BLOCK)
        block = os.pread(descriptor, at - start, start)
        if (here := block.count(b"\n")) >= count:
            place = len(block)
            for _ in range(count):
                place = block.rindex(b"\n", 0, place)
            return start + place + 1
        count -= here
        at = start
    return 0
