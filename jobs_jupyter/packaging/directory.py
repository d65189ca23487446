"""Directory → package."""

from __future__ import annotations

import builtins
import errno
import gc
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.pack import SMALL
from jobs_jupyter.models.package import Entry, Manifest, leads_out
from jobs_jupyter.packaging.index import Head, Index
from jobs_jupyter.packaging.limits import Limits
from jobs_jupyter.packaging.spool import CHUNK, Spool, hashed
from jobs_jupyter.packaging.walk import Found, Walk, packaged_root, unreadable

_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEVER_SETTLED = 2**62

Sources = dict[str, str | bytes]
"""SHA-256 → the file that has that content, or the content itself."""


@dataclass(frozen=True)
class Contents:
    """What a package holds, and where each content is read from."""

    manifest: Manifest
    sources: Callable[[], Sources]  # asked for only where the service lacks some
    index: Index = field(default_factory=Index)
    spool: Spool | None = None  # takes what was not stored before: what is read, and what is added
    keep: Callable[[], None] = lambda: None  # writes the index


class Snapshot:
    """A directory as it was.

    Of one that has not changed since it was last packaged, the entries are looked up only where
    somebody asks for them.
    """

    def __init__(
        self,
        contents: Callable[[], Contents],
        left_out: dict[str, str] | None = None,
        known: Head | None = None,
    ) -> None:
        self.left_out = left_out or {}  # top-most path → the rule that left it out
        self._load = contents
        self._known = known
        self._changed = False  # a file was found to be another than it was in the meantime

    @property
    def digest(self) -> str:
        """The package's."""
        return self._known.digest if self._known else self.manifest.digest

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return self._known.size if self._known else self.manifest.size

    @property
    def manifest(self) -> Manifest:
        """What it holds."""
        return self._contents.manifest

    @cached_property
    def sources(self) -> Sources:
        """SHA-256 → where that content is read from."""
        return self._contents.sources()

    @property
    def spool(self) -> Spool | None:
        """Contents that can be handed over; None: there are none."""
        return None if self._known else self._contents.spool

    def keep(self) -> None:
        """Keep what was found, so that the next snapshot reads nothing that has not changed."""
        if not self._known and not self._changed:
            self._contents.keep()

    @cached_property
    def _contents(self) -> Contents:
        return self._load()

    def beneath(self, name: str) -> Snapshot:
        """Return the same in a directory of that name."""
        entries = (entry._replace(path=f"{name}/{entry.path}") for entry in self.manifest.entries)
        below = replace(self._contents, manifest=Manifest([Entry(name, "d"), *entries]))
        return Snapshot(lambda: below, self.left_out)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {entry.digest: entry.size for entry in self.manifest.entries if entry.kind == "f"}

    def chunks(self, digest: str) -> Iterator[builtins.bytes]:
        """Yield the content of that digest; `PackageError` at its end if the file has changed since.

        Reads no further than the file went, so one that only grows is still what it was.
        """
        source = self.sources[digest]
        if not isinstance(source, str):
            yield source
            return
        left = self._sizes[digest]
        found = hashlib.sha256()
        try:
            with open(_reopened(source), "rb", buffering=0) as file:
                while left and (chunk := file.read(min(CHUNK, left))):
                    left -= len(chunk)
                    found.update(chunk)
                    yield chunk
        except OSError as error:
            raise unreadable(source, error) from error
        if found.hexdigest() != digest:
            self._changed = True
            self._contents.index.forget()
            raise PackageError(
                f"{source!r} changed while it was being packaged; run it again, "
                f"or leave the file out with an exclude"
            )


def snapshot(
    directory: str | Path | None,
    excludes: Sequence[str] | None = None,
    *,
    extra: Mapping[str, bytes] | None = None,
    limits: Limits | None = None,
    home: Path | None = None,
    in_repository: bool = True,
) -> Snapshot:
    """Read a directory into a package; what has not changed since the last time is not read again.

    Args:
        directory: what is packaged; None for nothing but `extra`.
        excludes: patterns in the gitignore dialect, counted from the directory; they beat every
            gitignore file, and `!pattern` takes in what one of those, or a default, leaves out.
        extra: path → content, put into the package beside the directory's files. What the
            directory has under the same top-level names is left out.
        limits: the largest package that is accepted.
        home: the service's state directory, which is never packaged. It has what is known of
            directories, once that is kept, and contents that the service will take over.
        in_repository: whether rules of the git repository that the directory lies in count, too.

    Raises:
        PackageError: it is no directory, too large, holds a link that leads out, or can't be read.
    """
    extra = extra or {}
    if directory is None:
        spool = Spool(home) if home and home.is_dir() else None
        return _with_extra(Contents(Manifest(()), dict, spool=spool), extra, {})
    root = packaged_root(directory, home)
    reserved = frozenset(path.partition("/")[0] for path in extra)
    walk = Walk(root, excludes or (), home, reserved, in_repository=in_repository)
    rules = ["excludes", *walk.excludes, "reserved", *sorted(reserved), "repository", in_repository]
    index = Index.of(home, root, rules)
    reading = _Reading(walk, index, limits or Limits())
    if (head := index.unchanged(root)) and reading.limits.allow(head.files, head.size):
        if not extra:
            return Snapshot(lambda: reading.known(head), head.left_out, head)
        return _with_extra(reading.known(head), extra, head.left_out)
    return _with_extra(reading.contents(), extra, walk.left_out)


def _with_extra(contents: Contents, extra: Mapping[str, bytes], left_out: dict[str, str]) -> Snapshot:
    if not extra:
        return Snapshot(lambda: contents, left_out)
    entries = list(contents.manifest.entries)
    added: dict[str, bytes] = {}
    for path, content in extra.items():
        digest = hashlib.sha256(content).hexdigest()
        added[digest] = content
        entries.append(Entry(path, "f", 0o644, len(content), digest))
    spool = contents.spool
    if spool is not None:
        try:
            for digest, content in added.items():
                spool.add(content, bytes.fromhex(digest))
        except OSError:  # the disk is full: what is half written must not be handed over
            spool.discard()
            spool = None
    both = replace(
        contents, manifest=Manifest(entries), sources=lambda: contents.sources() | added, spool=spool
    )
    return Snapshot(lambda: both, left_out)


class _Reading:
    """Makes entries of what a walk finds, by the index or by reading it."""

    def __init__(self, walk: Walk, index: Index, limits: Limits) -> None:
        self.limits = limits
        self._walk = walk
        self._root = walk.root
        self._base = f"{walk.root}/"
        self._index = index
        self._spool = Spool(walk.home) if walk.home and walk.home.is_dir() else None

    def known(self, head: Head) -> Contents:
        """Return what an unchanged directory holds."""
        entries = [entry for _, entry in self._index.entries().values()]
        manifest = Manifest(entries)
        if manifest.digest != head.digest:
            self._index.forget()
            return self.contents()
        return Contents(manifest, partial(self._sources, entries), self._index, self._spool)

    def contents(self) -> Contents:
        """Walk, and read what is new."""
        began = time.time_ns()
        with _no_collection():
            found = self.limits.within(str(self._root), self._walk.found())
            known = self._index.entries()
            with self._spooling():
                taken = [self._entry(item, known) for item in found]
            entries = [entry for _, entry in taken]
            _check_links(self._root, entries, self.limits)
            manifest = Manifest(entries)
        keep = partial(self._index.save, began, manifest.digest, taken, self._walk)
        return Contents(manifest, partial(self._sources, entries), self._index, self._spool, keep)

    def _sources(self, entries: list[Entry]) -> Sources:
        return {entry.digest: self._base + entry.path for entry in entries if entry.kind == "f"}

    @contextmanager
    def _spooling(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self._spool is not None:
                self._spool.discard()
            raise

    def _entry(self, item: Found, known: dict[str, tuple[Found, Entry]]) -> tuple[Found, Entry]:
        """Return the entry, beside the look that is to be kept with it."""
        if stat.S_ISDIR(item.mode):
            return item, Entry(item.path, "d", stat.S_IMODE(item.mode) & 0o777 | 0o700)
        before = known.get(item.path)
        if before is not None and before[0] == item:
            return before
        place = self._base + item.path
        try:
            if stat.S_ISLNK(item.mode):
                return self._link(item, place)
            size, digest = self._read(place, item.size)
        except OSError as error:
            raise unreadable(place, error) from error
        return item, Entry(item.path, "f", stat.S_IMODE(item.mode) & 0o777 | 0o600, size, digest)

    def _link(self, item: Found, place: str) -> tuple[Found, Entry]:
        target = os.readlink(place)
        if os.path.isabs(target):  # what it is depends on other directories, so it is never known
            item, target = item._replace(mtime_ns=_NEVER_SETTLED), _relative(self._root, place, target)
        return item, Entry(item.path, "l", 0o777, target=target)

    def _read(self, place: str, expected: int) -> tuple[int, str]:
        """Return the size and the SHA-256 of exactly the bytes that were read, and are spooled."""
        descriptor = os.open(place, _OPEN)
        try:
            # not more than it takes to see the end: a large buffer costs more than a small file
            first = os.read(descriptor, min(expected + 1, SMALL))
            if len(first) != expected or expected >= SMALL:  # large, just being written, or replaced
                _check_regular(descriptor, place)
                copy = self._spool.copy if self._spool else hashed
                return copy(descriptor, first)
        finally:
            os.close(descriptor)
        digest = hashlib.sha256(first).digest()
        if self._spool is not None:
            self._spool.add(first, digest)
        return len(first), digest.hex()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Make no search for garbage: each of ten thousand new objects that stay would bring one nearer.

    A search looks at every object of the process, in a notebook at millions.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _reopened(path: str) -> int:
    """Open a file that was regular a moment ago, and not whatever has taken its place."""
    descriptor = os.open(path, _OPEN)
    try:
        _check_regular(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(descriptor: int, path: str) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "no longer a file", path)


def _relative(root: Path, link: str, target: str) -> str:
    """Return where an absolute link leads, relative to it where that is within the directory."""
    inside = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
    return os.path.relpath(inside, os.path.dirname(link)) if Path(inside).is_relative_to(root) else target


def _check_links(root: Path, entries: list[Entry], limits: Limits) -> None:
    links = {entry.path: entry.target for entry in entries if entry.kind == "l"}
    for path, target in links.items():
        if leads_out(path, links):
            raise PackageError(
                f"The link {path!r} leads out of {str(root)!r}, to {target!r}, which the job will not find; "
                f"copy the file in, or leave the link out {limits.leave_out.format(path)}"
            )
