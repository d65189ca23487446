"""Searching a log for text, as a reader sees it: plain text, capitals or not, within lines.

A log is looked at in pieces that end with a line, or, where a line is longer, in its middle. However a
search is divided into requests, the pieces from one offset are the same, and so are the matches.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from jobs_jupyter.models.log_gap import gap_of
from jobs_jupyter.service import visible_text
from jobs_jupyter.service.log_text import LogText

PIECE = 256 * 1024
OVERLAP = 4096  # bytes: a match in a longer line is found where it begins; texts are shorter
BUDGET_S = 0.25  # what one request may take
BLOCK_BYTES = 4 << 20
BLOCK_MATCHES = 1000


class Match(NamedTuple):
    """The `nth` match (from 0) in the line `line` (from 1), which begins at the byte `offset`."""

    offset: int
    line: int
    nth: int


class Needle:
    """What is looked for."""

    def __init__(self, text: str) -> None:
        self._lowered = text.lower().encode() if text.isascii() else b""
        self._pattern = re.compile(b"".join(map(_either_case, text)))

    def count(self, text: bytes) -> int:
        """Return how often it is there; matches do not overlap."""
        if self._lowered:
            return text.lower().count(self._lowered)
        return sum(1 for _ in self._pattern.finditer(text))

    def starts(self, text: bytes) -> list[int]:
        """Return where it begins."""
        return [match.start() for match in self._pattern.finditer(text)]


def _either_case(letter: str) -> bytes:
    forms = {letter, letter.lower(), letter.upper()}
    return b"(?:" + b"|".join(sorted(re.escape(form.encode(errors="replace")) for form in forms)) + b")"


@dataclass(frozen=True)
class Piece:
    """A part of a log: `raw` from the byte `start` on, of which `size` bytes are this piece's.

    `open` says that its last line may go on.
    """

    needle: Needle
    start: int
    line: int
    raw: bytes = field(repr=False)
    size: int
    open: bool = False
    cut: bool = False  # it ends in the middle of a line

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.start + self.size

    @cached_property
    def lines(self) -> int:
        """How many lines end in it."""
        return self.raw[: self.size].count(b"\n")

    @cached_property
    def count(self) -> int:
        """How many matches begin in it."""
        if self.cut:
            return 0 if self._hidden else sum(1 for _ in self.matches())
        text = visible_text.uncoloured(self.raw)
        if visible_text.is_moving(text):
            return sum(1 for _ in self.matches())
        return self.needle.count(visible_text.stripped(text))

    @property
    def _hidden(self) -> bool:
        """Whether all of it is written over by what follows in its line."""
        return b"\r" in self.raw.rstrip(b"\r")

    def matches(self) -> Iterator[Match]:
        """Yield the matches in it, in order."""
        if self.cut:
            if not self._hidden:
                starts = self.needle.starts(self.raw)
                yield from (
                    Match(self.start, self.line, nth) for nth, at in enumerate(starts) if at < self.size
                )
            return
        offset = self.start
        for number, line in enumerate(self.raw.split(b"\n"), self.line):
            for nth in range(self.needle.count(visible_text.line(line))):
                yield Match(offset, number, nth)
            offset += len(line) + 1


@dataclass
class Found:
    """What one request found: blocks of `[offset, line, end, matches]`, and where to go on."""

    next: int
    line: int
    blocks: list[list[int]] = field(default_factory=list)
    complete: bool = False  # there was nothing more to look at

    def add(self, piece: Piece) -> None:
        """Note a piece, in the block before it where that has room."""
        last = self.blocks[-1] if self.blocks else None
        if last is None or piece.open or not _has_room(last, piece):
            self.blocks.append([piece.start, piece.line, piece.end, piece.count])
        else:
            last[2] = piece.end
            last[3] += piece.count
        if not piece.open:
            self.next, self.line = piece.end, piece.line + piece.lines


def _has_room(block: list[int], piece: Piece) -> bool:
    if block[2] != piece.start:  # a part was left out between them
        return False
    small = block[3] + piece.count <= BLOCK_MATCHES and piece.end - block[0] <= BLOCK_BYTES
    return small or block[3] + piece.count == 0


class LogSearch:
    """A search of one log for one text."""

    def __init__(self, log: LogText, text: str) -> None:
        self._log = log
        self._needle = Needle(text)

    def count(self, offset: int, line: int, until: int | None) -> Found:
        """Count matches from `offset`, where line number `line` begins, in lines that begin before `until`.

        A last line that has no end yet is a block of its own; the search goes on at its start.
        """
        found, deadline = Found(offset, line), time.monotonic() + BUDGET_S
        for piece in self._pieces(offset, line):
            if until is not None and piece.end >= until:
                matches = sum(1 for match in piece.matches() if match.offset < until)
                found.blocks.append([piece.start, piece.line, until, matches])
                found.complete = True
                return found
            found.add(piece)
            if time.monotonic() > deadline and not piece.open:
                return found
        found.complete = True
        return found

    def match(self, offset: int, line: int, index: int) -> Match | None:
        """Return the match number `index` (from 0) from `offset` on; None where none is near enough."""
        deadline = time.monotonic() + 4 * BUDGET_S
        for piece in self._pieces(offset, line):
            if index < piece.count:
                return next(match for nth, match in enumerate(piece.matches()) if nth == index)
            index -= piece.count
            if time.monotonic() > deadline:
                break
        return None

    def _pieces(self, offset: int, line: int) -> Iterator[Piece]:
        """Yield what there is now. A part that was left out is one line, as in the log's text."""
        end = self._log.size()
        while offset < end:
            gap = gap_of(self._log.path)
            if gap and gap.start <= offset < gap.end:
                begun = offset == gap.start > 0 and self._log.read(offset - 1, offset) != b"\n"
                offset, line = gap.end, line + 1 + begun
                continue
            stop = min(end, gap.start) if gap and offset < gap.start else end
            raw = self._log.read(offset, min(stop, offset + PIECE + OVERLAP))
            if gap_of(self._log.path) != gap:
                continue
            if not raw:
                return
            piece = self._piece(offset, line, raw, last=offset + len(raw) >= stop, open_=stop == end)
            yield piece
            offset, line = piece.end, line + piece.lines

    def _piece(self, offset: int, line: int, raw: bytes, *, last: bool, open_: bool) -> Piece:
        """Cut off a piece: up to the end of a line, or the whole rest where there is nothing behind it."""
        whole = raw.rfind(b"\n", 0, None if last else PIECE) + 1
        if whole:
            return Piece(self._needle, offset, line, raw[:whole], whole)
        if last:
            return Piece(self._needle, offset, line, raw, len(raw), open=open_)
        return Piece(self._needle, offset, line, raw, PIECE, cut=True)
