"""A pack: many small file contents in one file, one after the other, and a list of them at its end.

It is written by whoever has the contents, a client of this machine or the service, and read by the
service alone. A row of the list is a SHA-256, the content's offset and its size; a row of zeros is
a content that has been given up.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Set
from struct import Struct
from typing import BinaryIO, NamedTuple

from jobs_jupyter.models.errors import PackageError

SMALL = 256 * 1024
"""Contents of at most so many bytes go into packs, others are files of their own."""

PACK, MANIFEST = "pack", "manifest"
"""Names in a spool, the directory in which a client hands over contents, and the package that needs them."""

ROW = Struct(">32sQQ")
TAIL = Struct(">8sQ")
MAGIC = b"jjpack\0\1"
GIVEN_UP = bytes(32)
BUFFER = 2**20


class Row(NamedTuple):
    """Where one content lies in a pack."""

    digest: bytes  # SHA-256
    offset: int
    size: int


class PackWriter:
    """Writes a pack into an empty file; contents may come in pieces, one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = bytearray()
        self._at = 0  # where the next content begins
        self._end = 0
        self._listed: set[bytes] = set()
        self._list = bytearray()

    def add(self, content: bytes, digest: bytes) -> None:
        """Add a content as a whole, with its SHA-256."""
        self._held += content
        self._end += len(content)
        self.ended(digest)
        if len(self._held) >= BUFFER:
            self._flush()

    def write(self, piece: bytes) -> None:
        """Add a piece of the content that comes next."""
        self._held += piece
        self._end += len(piece)
        if len(self._held) >= BUFFER:
            self._flush()

    def ended(self, digest: bytes) -> None:
        """Note that all of a content is written, and that this is its SHA-256."""
        if digest not in self._listed:
            self._listed.add(digest)
            self._list += ROW.pack(digest, self._at, self._end - self._at)
        self._at = self._end

    def close(self) -> None:
        """Write the list; what was begun and not ended stays behind unlisted."""
        self._held += self._list
        self._held += TAIL.pack(MAGIC, len(self._listed))
        self._flush()
        self._file.close()

    def abandon(self) -> None:
        """Write no list, and nothing more: the file is not wanted."""
        with contextlib.suppress(OSError):  # what is buffered may not fit on the disk
            self._file.close()

    def _flush(self) -> None:
        self._file.write(self._held)
        self._held.clear()


def rows(descriptor: int, wanted: Set[bytes] | None = None) -> Iterator[Row]:
    """Yield the contents that an open pack has, but for those given up; of `wanted` alone, where it is given.

    Raises:
        PackageError: it is no pack, or damaged.
    """
    table = _table(descriptor)
    if wanted is not None and wanted.isdisjoint(_digests(table)):  # far quicker than looking at each row
        return
    for digest, offset, length in ROW.iter_unpack(table):
        if digest != GIVEN_UP and (wanted is None or digest in wanted):
            yield Row(digest, offset, length)


def digests(descriptor: int) -> list[bytes]:
    """Return the SHA-256 of each content that an open pack has, and `GIVEN_UP` for each that it had.

    Raises:
        PackageError: it is no pack, or damaged.
    """
    return _digests(_table(descriptor))


def _table(descriptor: int) -> bytes:
    """Return the list of an open pack."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, TAIL.size, max(0, size - TAIL.size))
    magic, count = TAIL.unpack(tail) if len(tail) == TAIL.size else (b"", 0)
    begin = size - TAIL.size - count * ROW.size
    if magic != MAGIC or begin < 0:
        raise PackageError("The file is no pack of contents, or it is damaged; submit the job again.")
    table = os.pread(descriptor, count * ROW.size, begin)
    if any(offset + length > begin for _, offset, length in ROW.iter_unpack(table)):
        raise PackageError("The list of a pack of contents is damaged; submit the job again.")
    return table


def _digests(table: bytes) -> list[bytes]:
    return [table[at : at + 32] for at in range(0, len(table), ROW.size)]


def give_up(descriptor: int, digests: Set[bytes]) -> None:
    """Take contents off the list of a pack that is open for writing."""
    size = os.fstat(descriptor).st_size
    _, count = TAIL.unpack(os.pread(descriptor, TAIL.size, size - TAIL.size))
    begin = size - TAIL.size - count * ROW.size
    kept = bytearray()
    for row in ROW.iter_unpack(os.pread(descriptor, count * ROW.size, begin)):
        is_kept = row[0] != GIVEN_UP and row[0] not in digests
        kept += ROW.pack(*row) if is_kept else bytes(ROW.size)
    os.pwrite(descriptor, kept, begin)
