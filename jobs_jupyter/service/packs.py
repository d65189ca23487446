"""The packs of the package store: small contents, many in one file.

Ten thousand small files cost a file system far more to make and to delete than one of the same
size. Nothing is kept in memory: whoever looks for contents reads the packs' lists.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from jobs_jupyter.models import pack
from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.pack import PackWriter, Row

KEPT = 0.5
"""A pack of which less than this share is still needed is written anew."""


class Place(NamedTuple):
    """Where a content lies."""

    pack: Path
    offset: int
    size: int


class Packs:
    """All packs in a directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, wanted: AbstractSet[bytes]) -> dict[bytes, Place]:
        """Return where those contents lie that are in a pack, by their SHA-256."""
        found: dict[bytes, Place] = {}
        for path, rows in self.lists(wanted) if wanted else ():
            found |= {row.digest: Place(path, row.offset, row.size) for row in rows}
            if len(found) == len(wanted):
                break
        return found

    def lacking(self, wanted: set[bytes]) -> set[bytes]:
        """Return those contents that are in no pack."""
        for path in self._paths():
            if not wanted:
                break
            with _there(), open(path, "rb", buffering=0) as file:
                wanted = wanted.difference(pack.digests(file.fileno()))
        return wanted

    def lists(self, wanted: AbstractSet[bytes] | None = None) -> Iterator[tuple[Path, list[Row]]]:
        """Yield each pack with what it holds, or what of `wanted`; one that is damaged holds nothing."""
        for path in self._paths():
            with _there():
                yield path, read_list(path, wanted)

    def _paths(self) -> list[Path]:
        """Return the packs, the newest first: what is asked for was often stored just now."""
        return sorted(self.folder.glob("[0-9a-f]*"), reverse=True)

    def add(self, scratch: Path) -> None:
        """Take over a finished pack from elsewhere in the state directory."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(scratch, self.folder / f"{time.time_ns():016x}{uuid.uuid4().hex}")

    def add_some(self, scratch: Path, rows: Iterable[Row]) -> None:
        """Take over only these contents of a pack."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = scratch.with_name(f".{uuid.uuid4().hex}")
        try:
            with open(scratch, "rb") as source, open(fresh, "xb") as target:
                writer = PackWriter(target)
                for row in rows:
                    writer.write(os.pread(source.fileno(), row.size, row.offset))
                    writer.ended(row.digest)
                writer.close()
            self.add(fresh)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    def give_up(self, digests: AbstractSet[bytes]) -> None:
        """Delete contents: a pack goes with its last one, and is written anew when most of it is gone."""
        for path, rows in self.lists() if digests else ():
            kept = [row for row in rows if row.digest not in digests]
            if len(kept) == len(rows):
                continue
            if sum(row.size for row in kept) >= KEPT * path.stat().st_size:
                with open(path, "r+b") as file:
                    pack.give_up(file.fileno(), digests)
                continue
            if kept:
                self.add_some(path, kept)
            path.unlink(missing_ok=True)


def _there() -> contextlib.suppress:
    """A pack may go meanwhile; one that is damaged holds nothing."""
    return contextlib.suppress(FileNotFoundError, PackageError)


def read_list(path: Path, wanted: AbstractSet[bytes] | None = None) -> list[Row]:
    """Return what a pack holds, or what of `wanted`."""
    with open(path, "rb", buffering=0) as file:
        return list(pack.rows(file.fileno(), wanted))
