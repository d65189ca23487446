"""What is in an archive that anybody may have made, read as a stream of entries.

Nothing is written here by the names in the archive, so nothing can lead out of a directory: whoever
makes a tree of the entries takes them through a `Manifest`, which checks that they are one.
"""

from __future__ import annotations

import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.limits import BYTES, BYTES_VARIABLE, FILES, FILES_VARIABLE
from jobs_jupyter.models.package import MAX_PATH, Entry
from jobs_jupyter.models.sizes import human

CHUNK = 1 << 18
LONGEST_HEADER = 1 << 15  # bytes in which a tar may say more of an entry: far more than any path has
TAR_OVERHEAD = 4096  # bytes of headers and padding that an entry of a tar takes at most, names aside
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    EOFError,
    OSError,  # gzip's, for the most part
    zlib.error,
    lzma.LZMAError,
    struct.error,
    NotImplementedError,  # a way of compressing
    RuntimeError,  # encrypted
    ValueError,
    LookupError,
    OverflowError,
)
"""What the readers of archives raise at something that is none."""

Content = Iterable[bytes]
Member = tuple[Entry, Content]
"""An entry without its digest, and a file's content in pieces, to be read before the next one."""


@dataclass
class Limits:
    """How much an archive may hold; counts what is taken out of it."""

    bytes: int = BYTES
    files: int = FILES

    def take(self, size: int) -> None:
        """Count bytes of content."""
        self.bytes -= size
        if self.bytes < 0:
            raise PackageError(f"it holds more than a package may have; raise {BYTES_VARIABLE} to allow it")

    def take_entry(self) -> None:
        """Count one more entry."""
        self.files -= 1
        if self.files < 0:
            raise PackageError(
                f"it holds more entries than a package may have; raise {FILES_VARIABLE} to allow it"
            )


def members(archive: Path, name: str, limits: Limits) -> Iterator[Member]:
    """Yield what the archive holds, in its order.

    Args:
        archive: the file.
        name: what it is called, with `.zip` or `.tar.gz` at its end.
        limits: how much it may hold.

    Raises:
        PackageError: it is damaged, holds too much, or what can't be in a package: devices, absolute
            paths, `..`. Links that lead out are found by who makes a `Manifest` of the entries.
    """
    found = _zip(archive, limits) if name.endswith(".zip") else _tar(archive, limits)
    try:
        for entry, content in found:
            yield entry, _counted(content, limits)
    except PackageError:
        raise
    except DAMAGED as problem:
        raise PackageError(f"it is damaged, or no such archive: {_said(problem)}") from None


def _counted(content: Content, limits: Limits) -> Iterator[bytes]:
    """Pass a content on; its errors are raised where it is read, not where the next entry is."""
    try:
        for piece in content:
            limits.take(len(piece))
            yield piece
    except DAMAGED as problem:
        if isinstance(problem, PackageError):
            raise
        raise PackageError(f"it is damaged: {_said(problem)}") from None


def _zip(archive: Path, limits: Limits) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            limits.take_entry()
            if not (path := _plain(info.filename)):
                continue
            mode = info.external_attr >> 16
            if info.is_dir():
                yield Entry(path, "d", stat.S_IMODE(mode) & 0o777 or 0o755), ()
            elif stat.S_ISLNK(mode):
                with opened.open(info) as file:
                    yield Entry(path, "l", target=_target(file.read(MAX_PATH + 1))), ()
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                with opened.open(info) as file:
                    yield Entry(path, "f", stat.S_IMODE(mode) & 0o777 or 0o644), _pieces(file)
            else:
                raise _no_file(path)


def _tar(archive: Path, limits: Limits) -> Iterator[Member]:
    with (
        _unzipped(archive, limits) as plain,
        tarfile.open(fileobj=plain, mode="r|", tarinfo=_Header) as opened,
    ):
        for info in opened:
            limits.take_entry()
            vars(opened)["members"] = []  # else it keeps them all
            if not (path := _plain(info.name)):
                continue
            mode = info.mode & 0o777
            if info.isdir():
                yield Entry(path, "d", mode), ()
            elif info.issym():
                yield Entry(path, "l", target=_target(info.linkname)), ()
            elif info.islnk():
                yield Entry(path, "f", mode, target=_plain(_target(info.linkname)) or "."), ()
            elif info.isreg() and (file := opened.extractfile(info)):
                yield Entry(path, "f", mode), _pieces(file)
            else:
                raise _no_file(path)
        while plain.read(CHUNK):
            pass  # the checksum is at the end


class _Header(tarfile.TarInfo):
    """A header that is refused before an endless extension of it is read: that would be kept in memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read the block that a header is."""
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENSIONS and found.size > LONGEST_HEADER:
            raise PackageError(f"it has a header of {human(found.size)}, which no path needs; pack it anew")
        return found


_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class _Bounded(io.RawIOBase):
    """A compressed stream that gives up where no honest archive would go on."""

    def __init__(self, file: gzip.GzipFile, most: int) -> None:
        self._file = file
        self._left = most

    def read(self, size: int = -1) -> bytes:
        """Return some of what is unpacked."""
        piece = self._file.read(CHUNK if size < 0 else size)
        self._left -= len(piece)
        if self._left < 0:
            raise PackageError(f"it holds more than a package may have; raise {BYTES_VARIABLE} to allow it")
        return piece

    def close(self) -> None:
        """Close what it reads from."""
        self._file.close()
        super().close()


def _unzipped(archive: Path, limits: Limits) -> _Bounded:
    """Open a .tar.gz for reading, bounded by what so many bytes and entries take in a tar."""
    most = limits.bytes + (limits.files + 1) * TAR_OVERHEAD
    return _Bounded(gzip.open(archive), most)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(CHUNK):
        yield piece


def _plain(name: str) -> str:
    """Return a relative path without `.` parts; "" for the archive's root itself."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise PackageError(f"it holds {name[:200]!r}, which leads out of it")
    return "/".join(parts)


def _target(target: str | bytes) -> str:
    text = target if isinstance(target, str) else target.decode("utf-8", "surrogateescape")
    if not 0 < len(text) <= MAX_PATH:
        raise PackageError(f"it holds a link to {text[:200]!r}, which is no path")
    return text


def _no_file(path: str) -> PackageError:
    return PackageError(f"it holds {path[:200]!r}, which is neither file, directory nor link")


def _said(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
