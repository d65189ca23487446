"""Files with holes, such as a log whose middle was left out: reading and writing only what holds data."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Sequence
from typing import BinaryIO

Piece = tuple[int, int]
"""The offset of data in a file, and its length, in bytes."""

Read = Callable[[int, int], bytes]
"""Returns the bytes of a file from one offset to another; fewer where it ends before."""

CHUNK = 1 << 20


def reader_of(descriptor: int) -> Read:
    """Return what reads an open file."""
    return lambda start, end: os.pread(descriptor, end - start, start)


def pieces(descriptor: int, size: int) -> list[Piece]:
    """Return where the first `size` bytes of a file hold data; all of them where that can't be told."""
    found: list[Piece] = []
    at = 0
    try:
        while at < size:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
            at = min(os.lseek(descriptor, start, os.SEEK_HOLE), size)
            if start < size:
                found.append((start, at - start))
    except OSError as problem:
        if problem.errno == errno.ENXIO:  # no data behind here
            return found
        return [(0, size)]
    return found


class PieceReader(io.RawIOBase):
    """Reads pieces of a file one behind the other; what is gone by then reads as zeros."""

    def __init__(self, read: Read, wanted: Sequence[Piece]) -> None:
        """Take what returns the bytes from one offset to another, and what is wanted."""
        self._read = read
        self._left = list(wanted)

    def read(self, size: int = -1, /) -> bytes:
        """Return at most that many bytes; none at the end."""
        read = b""
        while self._left and len(read) != size:
            offset, length = self._left.pop(0)
            most = length if size < 0 else min(length, size - len(read))
            if most < length:
                self._left.insert(0, (offset + most, length - most))
            read += self._read(offset, offset + most).ljust(most, b"\0")
        return read


def write_pieces(target: BinaryIO, source: BinaryIO, wanted: Sequence[Piece], size: int) -> None:
    """Write the pieces that `source` has one behind the other to where they belong in a file of that size."""
    for offset, length in wanted:
        target.seek(offset)
        left = length
        while left:
            chunk = source.read(min(left, CHUNK))
            if not chunk:
                raise EOFError("it ends in the middle of a file")
            target.write(chunk)
            left -= len(chunk)
    target.truncate(size)
