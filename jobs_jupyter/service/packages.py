"""Packages on disk: file contents by their hash, and manifests that name them.

A large content is a file of its own, a blob, and so is one of a few; many small ones are a pack.

A package is stored once everything that it names is there. A run gets a copy of its own; what is
stored is never handed out for writing.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

from jobs_jupyter.models import pack
from jobs_jupyter.models.errors import InvalidRequestError, PackageError
from jobs_jupyter.models.pack import MANIFEST, PACK, SMALL, PackWriter
from jobs_jupyter.models.package import Manifest
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.disk import disk_usage, file_usage
from jobs_jupyter.service.packs import Packs, Place, read_list
from jobs_jupyter.service.unpacking import Unpacking

FRAME_HEAD = 64 + 8
FEW = 32
"""So many small contents are no pack."""

_SPOOL = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


class PackageFiles:
    """The package store's files below the state directory.

    `lock` is held from the look at which contents are there until that is written down, and while
    contents are added to packs or deleted: so nobody is told that something is there which is just going.
    """

    def __init__(self, paths: StatePaths) -> None:
        self.paths = paths
        self.packs = Packs(paths.packs)
        self.lock = asyncio.Lock()

    def missing(self, manifest: Manifest) -> list[str]:
        """Return the hashes of contents that are not stored yet."""
        loose = self.packs.lacking(set(map(bytes.fromhex, manifest.digests)))
        return sorted(d for d in map(bytes.hex, loose) if not self.paths.blob(d).exists())

    def packed(self, digests: Iterable[str]) -> dict[str, Place]:
        """Return where those contents lie that are in a pack."""
        found = self.packs.find(set(map(bytes.fromhex, digests)))
        return {digest.hex(): place for digest, place in found.items()}

    def add_manifest(self, manifest: Manifest) -> None:
        """Store the manifest under its digest."""
        target = self.paths.manifest(manifest.digest)
        if not target.exists():
            _write(target, manifest.content)

    def take_package(self, spool: str, digest: str) -> Manifest | None:
        """Take over a spool; returns the manifest in it, if it is that package's and lacks no content now."""
        content = self._handed(spool)
        self.take_over(spool)
        if content is None or hashlib.sha256(content).hexdigest() != digest:
            return None
        manifest = Manifest.canonical(content)
        return None if self.missing(manifest) else manifest

    def _handed(self, spool: str) -> bytes | None:
        path = self._spool(spool) / MANIFEST
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None

    def take_over(self, spool: str) -> None:
        """Take the contents that a client of this machine has put into a spool, if there is one.

        They are not hashed again: whoever can write there can write here as well.
        """
        folder = self._spool(spool)
        if not folder.is_dir() or folder.is_symlink():
            return
        for path in folder.iterdir():
            if path.is_symlink() or not path.is_file():
                continue
            if path.name == PACK:
                self.take_pack(path)
            elif _DIGEST.fullmatch(path.name) and path.name not in self.packed([path.name]):
                target = self.paths.blob(path.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                os.rename(path, target)
        shutil.rmtree(folder, ignore_errors=True)

    def _spool(self, name: str) -> Path:
        if not _SPOOL.fullmatch(name):
            raise InvalidRequestError(f"spool={name[:100]!r} is not the name of a spool.")
        return self.paths.spools / name

    def take_pack(self, path: Path) -> None:
        """Take over a pack, less what is stored already; a small one as files."""
        with open(path, "rb", buffering=0) as file:
            there = set(pack.digests(file.fileno()))
        fresh = self.packs.lacking(there)
        if len(fresh) <= FEW:
            with open(path, "rb") as file:
                for row in read_list(path, fresh):
                    target = self.paths.blob(row.digest.hex())
                    if not target.exists():
                        _write(target, os.pread(file.fileno(), row.size, row.offset))
            path.unlink()
        elif len(fresh) == len(there):
            self.packs.add(path)
        else:
            self.packs.add_some(path, read_list(path, fresh))
            path.unlink()

    async def add_blobs(self, body: AsyncIterator[bytes]) -> int:
        """Store a stream of frames: 64 hex digits, 8 bytes big-endian length, content. Returns how many."""
        incoming = _Incoming(self, _Reader(body))
        try:
            return await incoming.store()
        finally:
            async with self.lock:
                await asyncio.to_thread(incoming.close)

    def manifest(self, digest: str) -> Manifest:
        """Return what a package that is stored here holds."""
        return Manifest.stored(self.paths.manifest(digest).read_bytes())

    def read(self, digest: str, path: str) -> bytes:
        """Return the content of a file in a package."""
        for entry in self.manifest(digest).entries:
            if entry.path == path and entry.kind == "f":
                with self.opened({entry.digest}) as (packed, packs):
                    if (place := packed.get(entry.digest)) is not None:
                        return os.pread(packs[place.pack], place.size, place.offset)
                return self.paths.blob(entry.digest).read_bytes()
        raise PackageError(f"There is no file {path!r} in the package {digest}; submit the job again.")

    def materialise(self, digest: str, target: Path) -> None:
        """Make `target`, which is empty or not there yet, a writable copy of the package."""
        manifest = self.manifest(digest)
        with self.opened(manifest.digests) as (packed, packs):
            Unpacking(target, packed, packs, self.paths.blobs).write(manifest.entries)

    @contextlib.contextmanager
    def opened(self, digests: Set[str]) -> Iterator[tuple[dict[str, Place], dict[Path, int]]]:
        """Give the places of those contents that are in packs, and these packs, opened."""
        with contextlib.ExitStack() as opened:
            while True:
                packed = self.packed(digests)
                try:
                    packs = {path: _open(path, opened) for path in {place.pack for place in packed.values()}}
                except FileNotFoundError:  # written anew in between
                    continue
                yield packed, packs
                return

    def usage(self, digests: Iterable[str]) -> int:
        """Return the bytes that contents take on disk."""
        wanted = set(digests)
        packed = self.packed(wanted)
        loose = sum(file_usage(self.paths.blob(digest)) for digest in wanted - packed.keys())
        return loose + sum(place.size for place in packed.values())

    def drop(self, digest: str, blobs: Iterable[str]) -> None:
        """Delete a package's manifest and the contents that nothing else needs."""
        self.paths.manifest(digest).unlink(missing_ok=True)
        self._delete(set(blobs))

    def _delete(self, digests: set[str]) -> None:
        for digest in digests - (packed := self.packed(digests)).keys():
            self.paths.blob(digest).unlink(missing_ok=True)
        self.packs.give_up(set(map(bytes.fromhex, packed)))

    def strays(self, needed: set[str], older_than_s: float) -> Strays:
        """Return what no package needs, and halves of uploads, once they are old enough."""
        limit = time.time() - older_than_s
        found = Strays()
        halves = [*self.paths.spools.glob("*"), *self.paths.packs.glob(".*")]
        for path in [*self.paths.blobs.glob("*/*"), *halves]:
            with contextlib.suppress(FileNotFoundError):
                if path.name not in needed and path.stat().st_mtime < limit:
                    found.paths.append(path)
        for path, rows in self.packs.lists():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < limit:
                    found.packed |= {row.digest: row.size for row in rows if row.digest.hex() not in needed}
        return found

    def clear(self, strays: Strays) -> None:
        """Delete them."""
        for path in strays.paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self.packs.give_up(strays.packed.keys())


@dataclass
class Strays:
    """What no package needs."""

    paths: list[Path] = field(default_factory=list)
    packed: dict[bytes, int] = field(default_factory=dict)  # SHA-256 of a content in a pack → its size

    def __len__(self) -> int:
        return len(self.paths) + len(self.packed)

    @property
    def bytes(self) -> int:
        """How much of the disk they take."""
        return sum(map(disk_usage, self.paths)) + sum(map(file_usage, self.paths)) + sum(self.packed.values())


class _Incoming:
    """Contents of one request: small ones go into a pack of its own, large ones into their files."""

    def __init__(self, files: PackageFiles, reader: _Reader) -> None:
        self._files = files
        self._reader = reader
        self._pack: PackWriter | None = None
        self._scratch = files.paths.packs / f".{uuid.uuid4().hex}"

    async def store(self) -> int:
        """Store all that comes; returns how many contents that were."""
        stored = 0
        while head := await self._reader.exactly(FRAME_HEAD, may_end=True):
            digest = head[:64].decode("ascii", "replace")
            if not _DIGEST.fullmatch(digest):
                raise InvalidRequestError(f"{digest!r} is not a SHA-256 in hex digits.")
            size = int.from_bytes(head[64:])
            if size <= SMALL:
                self._add(digest, await self._reader.exactly(size))
            else:
                await self._add_blob(digest, size)
            stored += 1
        return stored

    def close(self) -> None:
        """Keep what has come completely."""
        if self._pack is not None:
            self._pack.close()
            self._files.take_pack(self._scratch)

    def _add(self, digest: str, content: bytes) -> None:
        hashed = hashlib.sha256(content)
        _check(digest, hashed.hexdigest())
        if self._pack is None:
            self._scratch.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._pack = PackWriter(self._scratch.open("xb"))
        self._pack.write(content)
        self._pack.ended(hashed.digest())

    async def _add_blob(self, digest: str, left: int) -> None:
        target = self._files.paths.blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        hashed = hashlib.sha256()
        descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".new-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                while left:
                    piece = await self._reader.some(left)
                    hashed.update(piece)
                    file.write(piece)
                    left -= len(piece)
            _check(digest, hashed.hexdigest())
            os.rename(scratch, target)
        except BaseException:
            os.unlink(scratch)
            raise


def _open(path: Path, opened: contextlib.ExitStack) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    opened.callback(os.close, descriptor)
    return descriptor


def _check(sent_as: str, found: str) -> None:
    if sent_as != found:
        raise PackageError(f"What was sent as {sent_as} is {found}; send it again.")


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

    async def exactly(self, count: int, *, may_end: bool = False) -> bytes:
        if not self._held and may_end:
            async for chunk in self._chunks:
                if chunk:
                    self._held = chunk
                    break
            else:
                return b""
        taken = bytearray()
        while len(taken) < count:
            taken += await self.some(count - len(taken))
        return bytes(taken)


def _write(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.rename(scratch, target)
