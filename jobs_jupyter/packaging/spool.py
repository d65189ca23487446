"""File contents on their way into the service's store, copied while they are being hashed.

A spool is a directory in the state directory; the service of this machine takes its files over by
renaming them. So each file is read once, and what is stored is what was hashed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jobs_jupyter.models.pack import MANIFEST, PACK, SMALL, PackWriter
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.state_directory import make

CHUNK = 2**20


class Spool:
    """Holds contents until they are sent or handed over; its directory comes with the first one."""

    def __init__(self, home: Path) -> None:
        self._above = StatePaths(home).spools
        self.folder: Path | None = None
        self._pack: PackWriter | None = None
        self._begun: list[PackWriter] = []

    @property
    def name(self) -> str | None:
        """The name of its directory; None: it holds nothing."""
        return self.folder.name if self.folder else None

    def add(self, content: bytes, digest: bytes) -> None:
        """Take in a content that is in memory."""
        if len(content) > SMALL:
            (self._made() / digest.hex()).write_bytes(content)
        else:
            (self._pack or self._opened()).add(content, digest)

    def copy(self, descriptor: int, first: bytes) -> tuple[int, str]:
        """Take in a large file while it is being read and hashed; returns its size and SHA-256."""
        folder = self._made()
        scratch, place = tempfile.mkstemp(dir=folder, prefix=".")
        with open(scratch, "wb") as file:
            size, digest = hashed(descriptor, first, file.write)
        os.rename(place, folder / digest)
        return size, digest

    def close(self) -> None:
        """Write all that it was given."""
        if self._pack is not None:
            self._pack.close()
            self._pack = None

    def add_manifest(self, content: bytes) -> None:
        """Add the manifest of the package that needs what it holds: now it can be taken over."""
        self.close()
        (self._made() / MANIFEST).write_bytes(content)

    def discard(self) -> None:
        """Remove what nobody took over."""
        if self.folder is not None:
            self._finalizer()
            self.folder = self._pack = None

    def _opened(self) -> PackWriter:
        self._pack = PackWriter((self._made() / PACK).open("xb"))
        self._begun.append(self._pack)
        return self._pack

    def _made(self) -> Path:
        if self.folder is None:
            make(self._above)
            self.folder = Path(tempfile.mkdtemp(dir=self._above))
            self._finalizer = weakref.finalize(self, _remove, self.folder, self._begun)
        return self.folder


def _remove(folder: Path, begun: list[PackWriter]) -> None:
    for pack in begun:
        pack.abandon()
    shutil.rmtree(folder, ignore_errors=True)


def hashed(descriptor: int, first: bytes, write: Callable[[bytes], object] | None = None) -> tuple[int, str]:
    """Read the rest of a file; returns the size and SHA-256 of exactly the bytes that were read.

    `write` gets the same bytes, in another thread, while they are being hashed.
    """
    found = hashlib.sha256()
    size = 0
    piece = first
    with ThreadPoolExecutor(1) as writer:
        while piece:
            written = writer.submit(write, piece) if write else None
            found.update(piece)
            size += len(piece)
            following = os.read(descriptor, CHUNK)
            if written is not None:
                written.result()
            piece = following
    return size, found.hexdigest()
