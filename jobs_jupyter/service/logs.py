"""Reading a run's log: its first lines, its last lines, or all of it, as bytes.

A line ends in a newline and in nothing else: a progress bar's carriage return does not end one.
The answer ends in a newline, and is empty where there is no line. Where a part of the log was left
out there is one line that says so, and what is left out costs nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from jobs_jupyter.models.log_gap import LogGap, gap_of, mark

BLOCK = 64 * 1024
Piece = tuple[int, int] | bytes  # from one offset to another; or what is shown in its place


def read(path: Path, mode: str, max_lines: int | None) -> bytes:
    """Return the first (`HEAD`) or last (`TAIL`) `max_lines` lines, or all where that is None."""
    while True:
        gap = gap_of(path)
        found = _read(path, mode, max_lines, gap)
        if gap_of(path) == gap:  # else what was read may have gone meanwhile
            return found


def _read(path: Path, mode: str, max_lines: int | None, gap: LogGap | None) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        end = os.fstat(descriptor).st_size
        if gap is None or gap.end > end:
            return _lines(descriptor, mode, max_lines, 0, end)
        pieces: list[Piece] = [(0, gap.start), mark(gap.end - gap.start), (gap.end, end)]
        return _chosen(descriptor, pieces, mode, max_lines)
    finally:
        os.close(descriptor)


def _chosen(descriptor: int, pieces: list[Piece], mode: str, count: int | None) -> bytes:
    """Return the first or last `count` lines of pieces that follow one another."""
    step = 1 if mode == "HEAD" else -1
    found: list[bytes] = []
    for piece in pieces[::step]:
        if count == 0:
            break
        text = piece if isinstance(piece, bytes) else _lines(descriptor, mode, count, *piece)
        found.append(text)
        count = None if count is None else count - text.count(b"\n")
    return b"".join(found[::step])


def _lines(descriptor: int, mode: str, count: int | None, start: int, end: int) -> bytes:
    """Return the first or last `count` lines between two offsets."""
    if count is None:
        found = _span(descriptor, start, end)
    elif mode == "HEAD":
        found = _span(descriptor, start, _end_of_line(descriptor, count, start, end))
    else:
        found = _span(descriptor, _start_of_last(descriptor, count, start, end), end)
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


def _end_of_line(descriptor: int, count: int, at: int, end: int) -> int:
    """Return the offset behind the `count`-th newline after `at`, or `end`."""
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


def _start_of_last(descriptor: int, count: int, first: int, end: int) -> int:
    """Return where the last `count` lines start, at `first` or later, reading backwards from the end."""
    if end <= first:
        return first
    # the newline that ends the last line starts none
    at = end - 1 if os.pread(descriptor, 1, end - 1) == b"\n" else end
    while at > first:
        start = max(first, at - BLOCK)
        block = os.pread(descriptor, at - start, start)
        if (here := block.count(b"\n")) >= count:
            place = len(block)
            for _ in range(count):
                place = block.rindex(b"\n", 0, place)
            return start + place + 1
        count -= here
        at = start
    return first
