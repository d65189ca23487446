"""A run's own copy of a package."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.pack import SMALL
from jobs_jupyter.models.package import Entry
from jobs_jupyter.service import machine
from jobs_jupyter.service.packs import Place

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Unpacking:
    """Writes the entries of one package below `target`, which is empty or not there yet.

    Args:
        target: the directory.
        packed: SHA-256 in hex digits → the place of a content that is in a pack.
        packs: those packs, opened.
        blobs: the directory of the others.
    """

    def __init__(self, target: Path, packed: dict[str, Place], packs: dict[Path, int], blobs: Path) -> None:
        self._base = f"{target}/"
        self._packed = packed
        self._blobs = blobs
        self._packs = packs
        self._clones = True
        self._made = {""}

    def write(self, entries: Iterable[Entry]) -> None:
        """Write them all; they come in the order of a manifest."""
        os.makedirs(self._base, exist_ok=True)
        folders = []
        for entry in entries:
            self._make_folder(entry.path.rpartition("/")[0])
            if entry.kind == "d":
                self._make_folder(entry.path)
                folders.append(entry)
            elif entry.kind == "l":
                os.symlink(entry.target, self._base + entry.path)
            else:
                self._file(entry)
        for entry in reversed(folders):  # last: a folder may be read-only
            os.chmod(self._base + entry.path, entry.mode)

    def _make_folder(self, path: str) -> None:
        if path in self._made:
            return
        self._make_folder(path.rpartition("/")[0])
        os.mkdir(self._base + path)
        self._made.add(path)

    def _file(self, entry: Entry) -> None:
        place = self._packed.get(entry.digest)
        target = self._base + entry.path
        written = self._from_blob(entry, target) if place is None else self._from_pack(place, target, entry)
        if written != entry.size:
            raise PackageError(f"The stored copy of {entry.path!r} is damaged; submit the job again.")

    def _from_pack(self, place: Place, target: str, entry: Entry) -> int:
        content = os.pread(self._packs[place.pack], place.size, place.offset)
        descriptor = os.open(target, _NEW, 0o600)
        try:
            written = os.write(descriptor, content) if content else 0
            os.fchmod(descriptor, entry.mode)
        finally:
            os.close(descriptor)
        return written

    def _from_blob(self, entry: Entry, target: str) -> int:
        source = os.path.join(self._blobs, entry.digest[:2], entry.digest)
        if not (self._clones and entry.size > SMALL and machine.clone(source, target)):
            self._clones = self._clones and entry.size <= SMALL  # one that fails is enough
            shutil.copyfile(source, target)
        os.chmod(target, entry.mode)
        return os.stat(target).st_size
