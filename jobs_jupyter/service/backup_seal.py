"""The seal at the end of a backup: an empty gzip member that holds the SHA-256 of all bytes before it.

gzip's own checksum is one of the unpacked content, which several compressed forms share; and it can't be
read before everything is unpacked. Other programs unpack the member to nothing.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

# RFC 1952: deflate, an extra field, no time, no flags, system unknown; the field's length, our tag, 32 bytes.
_HEAD = (
    b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + (36).to_bytes(2, "little") + b"JJ" + (32).to_bytes(2, "little")
)
_NOTHING = b"\x03\x00" + bytes(8)
"""An empty deflate stream, its checksum, its size."""

SIZE = len(_HEAD) + 32 + len(_NOTHING)
_CHUNK = 1 << 20


class Sealing:
    """A file to be written to from beginning to end, and what was written since.

    Args:
        file: where the bytes go.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sum = hashlib.sha256()

    def write(self, data: bytes) -> int:
        """Write bytes that the seal is to cover; returns how many."""
        self._sum.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Hand on what was written."""
        self._file.flush()

    def seal(self) -> None:
        """Write the seal."""
        self._file.write(_seal(self._sum.digest()))


def has_seal(archive: Path) -> bool:
    """Whether a file ends as one with a seal does."""
    with open(archive, "rb") as file:
        return _last(file).startswith(_HEAD)


def is_intact(archive: Path) -> bool:
    """Whether a file ends with the seal of all bytes before it."""
    summed = hashlib.sha256()
    with open(archive, "rb") as file:
        last = _last(file)
        left = file.seek(0, os.SEEK_END) - len(last)
        file.seek(0)
        while chunk := file.read(min(left, _CHUNK)):
            summed.update(chunk)
            left -= len(chunk)
    return last == _seal(summed.digest())


def _last(file: BinaryIO) -> bytes:
    """Return the bytes where the seal would be."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - SIZE))
    return file.read(SIZE)


def _seal(digest: bytes) -> bytes:
    return _HEAD + digest + _NOTHING
