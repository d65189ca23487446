"""Reading a run's log: its first lines, its last lines, or all of it, as bytes.

A line ends in a newline and in nothing else: a progress bar's carriage return does not end one.
The answer ends in a newline, and is empty where there is no line. Where a part of the log was left
out there is one line that says so, and what is left out costs nothing.
"""

from __future__ import annotations

from jobs_jupyter.models.log_gap import LogGap, gap_of, mark
from jobs_jupyter.service.log_text import LogText

BLOCK = 64 * 1024
Piece = tuple[int, int] | bytes  # from one offset to another; or what is shown in its place


def read(text: LogText, mode: str, max_lines: int | None) -> bytes:
    """Return the first (`HEAD`) or last (`TAIL`) `max_lines` lines, or all where that is None."""
    while True:
        gap = gap_of(text.path)
        found = _read(text, mode, max_lines, gap)
        if gap_of(text.path) == gap:  # else what was read may have gone meanwhile
            return found


def _read(text: LogText, mode: str, max_lines: int | None, gap: LogGap | None) -> bytes:
    end = text.size()
    if gap is None or gap.end > end:
        return _lines(text, mode, max_lines, 0, end)
    pieces: list[Piece] = [(0, gap.start), mark(gap.end - gap.start), (gap.end, end)]
    return _chosen(text, pieces, mode, max_lines)


def _chosen(log: LogText, pieces: list[Piece], mode: str, count: int | None) -> bytes:
    """Return the first or last `count` lines of pieces that follow one another."""
    step = 1 if mode == "HEAD" else -1
    found: list[bytes] = []
    for piece in pieces[::step]:
        if count == 0:
            break
        text = piece if isinstance(piece, bytes) else _lines(log, mode, count, *piece)
        found.append(text)
        count = None if count is None else count - text.count(b"\n")
    return b"".join(found[::step])


def _lines(log: LogText, mode: str, count: int | None, start: int, end: int) -> bytes:
    """Return the first or last `count` lines between two offsets."""
    if count is None:
        found = _span(log, start, end)
    elif mode == "HEAD":
        found = _span(log, start, _end_of_line(log, count, start, end))
    else:
        found = _span(log, _start_of_last(log, count, start, end), end)
    return found + b"\n" if found and not found.endswith(b"\n") else found


def _span(log: LogText, start: int, end: int) -> bytes:
    pieces = []
    while start < end:
        piece = log.read(start, min(end, start + (1 << 24)))
        if not piece:
            break
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _end_of_line(log: LogText, count: int, at: int, end: int) -> int:
    """Return the offset behind the `count`-th newline after `at`, or `end`."""
    while at < end:
        block = log.read(at, at + BLOCK)
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


def _start_of_last(log: LogText, count: int, first: int, end: int) -> int:
    """Return where the last `count` lines start, at `first` or later, reading backwards from the end."""
    if end <= first:
        return first
    # the newline that ends the last line starts none
    at = end - 1 if log.read(end - 1, end) == b"\n" else end
    while at > first:
        start = max(first, at - BLOCK)
        block = log.read(start, at)
        if (here := block.count(b"\n")) >= count:
            place = len(block)
            for _ in range(count):
                place = block.rindex(b"\n", 0, place)
            return start + place + 1
        count -= here
        at = start
    return first
