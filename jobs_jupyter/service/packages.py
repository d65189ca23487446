"""Packages on disk: file contents by their hash, and manifests that name them.

A package is stored once everything that it names is there. A run gets a copy of its own; what is
stored is never handed out for writing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from jobs_jupyter.models.errors import InvalidRequestError, PackageError
from jobs_jupyter.models.package import Entry, Manifest
from jobs_jupyter.models.paths import StatePaths

FRAME_HEAD = 64 + 8


class PackageFiles:
    """The package store's files below the state directory.

    `lock` is held from the look at which contents are there until that is written down, and while
    contents are deleted: so nobody is told that something is there which is just going.
    """

    def __init__(self, paths: StatePaths) -> None:
        self.paths = paths
        self.lock = asyncio.Lock()

    def missing(self, manifest: Manifest) -> list[str]:
        """Return the hashes of contents that are not stored yet."""
        return [digest for digest in sorted(manifest.digests) if not self.paths.blob(digest).exists()]

    def add_manifest(self, manifest: Manifest) -> None:
        """Store the manifest under its digest."""
        target = self.paths.manifest(manifest.digest)
        if not target.exists():
            _write(target, manifest.content)

    async def add_blobs(self, body: AsyncIterator[bytes]) -> int:
        """Store a stream of frames: 64 hex digits, 8 bytes big-endian length, content. Returns how many."""
        reader = _Reader(body)
        stored = 0
        while head := await reader.exactly(FRAME_HEAD, may_end=True):
            await self._add_blob(head, reader)
            stored += 1
        return stored

    async def _add_blob(self, head: bytes, reader: _Reader) -> None:
        digest, left = head[:64].decode("ascii", "replace"), int.from_bytes(head[64:])
        if len(digest.strip("0123456789abcdef")):
            raise InvalidRequestError(f"{digest!r} is not a SHA-256 in hex digits.")
        target = self.paths.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        hashed = hashlib.sha256()
        descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                while left:
                    piece = await reader.some(left)
                    hashed.update(piece)
                    file.write(piece)
                    left -= len(piece)
            if hashed.hexdigest() != digest:
                raise PackageError(f"What was sent as {digest} is {hashed.hexdigest()}; send it again.")
            os.rename(scratch, target)
        except BaseException:
            os.unlink(scratch)
            raise

    def manifest(self, digest: str) -> Manifest:
        """Return what a package that is stored here holds."""
        return Manifest.from_json(self.paths.manifest(digest).read_bytes())

    def read(self, digest: str, path: str) -> bytes:
        """Return the content of a file in a package."""
        for entry in self.manifest(digest).entries:
            if entry.path == path and entry.kind == "f":
                return self.paths.blob(entry.digest).read_bytes()
        raise PackageError(f"There is no file {path!r} in the package {digest}; submit the job again.")

    def materialise(self, digest: str, target: Path) -> None:
        """Make `target` a writable copy of the package."""
        folders = []
        for entry in self.manifest(digest).entries:
            place = target / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            if entry.kind == "d":
                place.mkdir(exist_ok=True)
                folders.append((place, entry.mode))
            elif entry.kind == "l":
                os.symlink(entry.target, place)
            else:
                self._copy(entry, place)
        for place, mode in reversed(folders):  # last: a folder may be read-only
            place.chmod(mode)

    def _copy(self, entry: Entry, place: Path) -> None:
        shutil.copyfile(self.paths.blob(entry.digest), place)
        place.chmod(entry.mode)
        if place.stat().st_size != entry.size:
            raise PackageError(f"The stored copy of {entry.path} is damaged; submit the job again.")

    def drop(self, digest: str, blobs: Iterable[str]) -> None:
        """Delete a package's manifest and the contents that nothing else needs."""
        self.paths.manifest(digest).unlink(missing_ok=True)
        for blob in blobs:
            self.paths.blob(blob).unlink(missing_ok=True)

    def strays(self, needed: set[str], older_than_s: float) -> list[Path]:
        """Return contents that no package needs, and halves of uploads, once they are old enough."""
        limit = time.time() - older_than_s
        found = []
        for path in self.paths.blobs.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):
                if path.name not in needed and path.stat().st_mtime < limit:
                    found.append(path)
        return found


class _Reader:
    """Takes exact numbers of bytes from a stream of chunks."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""

    async def some(self, most: int) -> bytes:
        while not self._held:
            self._held = await anext(self._chunks, b"") or await self._ended()
        piece, self._held = self._held[:most], self._held[most:]
        return piece

    async def _ended(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            raise InvalidRequestError("The upload ended in the middle of a file; send it again.") from None

    async def exactly(self, count: int, *, may_end: bool) -> bytes:
        if not self._held:
            async for chunk in self._chunks:
                if chunk:
                    self._held = chunk
                    break
            else:
                if may_end:
                    return b""
        taken = b""
        while len(taken) < count:
            taken += await self.some(count - len(taken))
        return taken


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.rename(scratch, target)
