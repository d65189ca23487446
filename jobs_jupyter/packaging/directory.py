"""Directory → package."""

from __future__ import annotations

import builtins
import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import Entry, Manifest, leads_out
from jobs_jupyter.packaging.limits import Limits
from jobs_jupyter.packaging.walk import Found, Walk, packaged_root, unreadable

CHUNK = 2**20
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Snapshot:
    """A directory as it was: its manifest, and where each file's content is read from."""

    manifest: Manifest
    sources: dict[str, Path | builtins.bytes]  # digest → content
    left_out: dict[str, str] = field(default_factory=dict)  # top-most path → the rule that left it out

    @property
    def bytes(self) -> int:
        """The size of all files together."""
        return self.manifest.size

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {entry.digest: entry.size for entry in self.manifest.entries if entry.kind == "f"}

    def chunks(self, digest: str) -> Iterator[builtins.bytes]:
        """Yield the content of that digest; `PackageError` at its end if the file has changed since.

        Reads no further than the file went, so one that only grows is still what it was.
        """
        source = self.sources[digest]
        if isinstance(source, builtins.bytes):
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
            raise unreadable(str(source), error) from error
        if found.hexdigest() != digest:
            raise PackageError(
                f"{str(source)!r} changed while it was being packaged; run it again, "
                f"or leave the file out with an exclude"
            )


def snapshot(
    directory: str | Path | None,
    excludes: Sequence[str] | None = None,
    *,
    extra: Mapping[str, bytes] | None = None,
    limits: Limits | None = None,
    home: Path | None = None,
) -> Snapshot:
    """Read a directory into a package.

    Args:
        directory: what is packaged; None for nothing but `extra`.
        excludes: patterns in the gitignore dialect, counted from the directory; they beat every
            gitignore file in it, and `!pattern` takes in what one of those, or a default, leaves out.
        extra: path → content, put into the package beside the directory's files. What the
            directory has under the same top-level names is left out.
        limits: the largest package that is accepted.
        home: the service's state directory, which is never packaged.

    Raises:
        PackageError: it is no directory, too large, holds a link that leads out, or can't be read.
    """
    extra = extra or {}
    entries: list[Entry] = []
    sources: dict[str, Path | bytes] = {}
    left_out: dict[str, str] = {}
    if directory is not None:
        root = packaged_root(directory, home)
        reserved = frozenset(path.partition("/")[0] for path in extra)
        walk = Walk(root, excludes or (), home, reserved, left_out)
        found = (limits or Limits()).within(str(root), walk.found())
        entries = [_entry(root, item, sources) for item in found]
        _check_links(root, entries)
    for path, content in extra.items():
        digest = hashlib.sha256(content).hexdigest()
        sources[digest] = content
        entries.append(Entry(path, "f", 0o644, len(content), digest))
    return Snapshot(Manifest(entries), sources, left_out)


def _entry(root: Path, item: Found, sources: dict[str, Path | bytes]) -> Entry:
    place = os.path.join(root, item.path)
    if stat.S_ISDIR(item.mode):
        return Entry(item.path, "d", stat.S_IMODE(item.mode) & 0o777 | 0o700)
    try:
        if stat.S_ISLNK(item.mode):
            return Entry(item.path, "l", 0o777, target=_target(root, place))
        size, digest = _hash(place)
    except OSError as error:
        raise unreadable(place, error) from error
    sources.setdefault(digest, Path(place))
    return Entry(item.path, "f", stat.S_IMODE(item.mode) & 0o777 | 0o600, size, digest)


def _reopened(path: str | Path) -> int:
    """Open a file that was regular a moment ago, and not whatever has taken its place."""
    descriptor = os.open(path, _OPEN)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "no longer a file", str(path))


def _hash(path: str) -> tuple[int, str]:
    """Return the size and the SHA-256 of exactly the bytes that were read."""
    found = hashlib.sha256()
    size = 0
    descriptor = _reopened(path)
    try:
        while chunk := os.read(descriptor, CHUNK):
            found.update(chunk)
            size += len(chunk)
    finally:
        os.close(descriptor)
    return size, found.hexdigest()


def _target(root: Path, link: str) -> str:
    """Return where a link leads, relative to it where that is within the directory."""
    target = os.readlink(link)
    if os.path.isabs(target):
        inside = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
        if Path(inside).is_relative_to(root):
            return os.path.relpath(inside, os.path.dirname(link))
    return target


def _check_links(root: Path, entries: list[Entry]) -> None:
    links = {entry.path: entry.target for entry in entries if entry.kind == "l"}
    for path, target in links.items():
        if leads_out(path, links):
            raise PackageError(
                f"The link {path!r} leads out of {str(root)!r}, to {target!r}, which the job will not find; "
                f"copy the file in, or leave the link out with -x '{path}' or excludes=['{path}']"
            )
