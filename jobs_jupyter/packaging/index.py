"""What a directory held when it was last packaged, so that nothing unchanged is read again.

One file for each directory and set of rules, in the state directory: a line that describes each
directory that was entered by a fingerprint of what `stat` says of its files, and a line that has each
entry of the package with it. Files of rules that lie elsewhere, as in the repository above, are described
by what `stat` says of them. If all that is the same the package is, and the second line is not even parsed.

A file that was written just before it was looked at may be written again within the same tick of
its file system's clock. So only what is older than `SETTLED_NS` at the look counts as known.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs_jupyter.models.package import Entry
from jobs_jupyter.packaging.repository import same
from jobs_jupyter.packaging.walk import Found, Seen, Walk, fingerprint

FORMAT = 2
SETTLED_NS = 2 * 10**9
"""More than any usual file system's clock takes for a tick (FAT: 2 s)."""

MAX_FILES = 64
MAX_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Head:
    """What is known of a directory's package without its entries."""

    digest: str
    size: int
    files: int
    seen: list[Seen]
    left_out: dict[str, str]
    consulted: dict[str, str]


@dataclass
class Index:
    """The saved state of one directory; without a `file` nothing is known, and nothing is kept."""

    file: Path | None = None
    _rows: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, home: Path | None, root: Path, rules: Sequence[object]) -> Index:
        """Return the index of a directory for one set of rules, kept in the state directory `home`."""
        if home is None or not home.is_dir():
            return cls()
        key = json.dumps([FORMAT, os.fspath(root), *map(str, rules)])
        return cls(home / "index" / hashlib.sha256(key.encode()).hexdigest())

    def unchanged(self, root: Path) -> Head | None:
        """Return what is known of the directory if it is as it was, to be trusted as if read anew."""
        head = self._head()
        if head is None or not head.digest:
            return None
        if not same(head.consulted):
            return None
        base = f"{root}/"
        try:
            alike = all(fingerprint(base + seen.prefix, seen.ignored) == seen.digest for seen in head.seen)
        except OSError:
            return None
        return head if alike else None

    def entries(self) -> dict[str, tuple[Found, Entry]]:
        """Return path → how it looked and what it was in the package; empty where nothing is known."""
        if not self._rows and self._head() is None:
            return {}
        try:
            rows = json.loads(self._rows)
            return {row[0]: (Found(row[0], *row[6:]), Entry(*row[:6])) for row in rows}
        except (ValueError, TypeError):
            return {}

    def save(
        self,
        began_ns: int,
        digest: str,
        taken: Iterable[tuple[Found, Entry]],
        walk: Walk,
    ) -> None:
        """Keep what was found, for the next time.

        Args:
            began_ns: when the look at the directory began, in nanoseconds since 1970.
            digest: the package's.
            taken: what it holds.
            walk: which directories were entered, what else directed that, and what was left out.
        """
        if self.file is None:
            return
        pairs = list(taken)
        known = [(item, entry) for item, entry in pairs if _is_settled(item, began_ns)]
        newest = max([walk.consulted.newest, *(each.newest for each in walk.seen)])
        settled = len(known) == len(pairs) and newest < began_ns - SETTLED_NS
        size = sum(entry.size for _, entry in pairs)
        shown = [[each.prefix, sorted(each.ignored), each.digest] for each in walk.seen]
        head = [FORMAT, digest if settled else "", size, len(pairs), shown, walk.left_out]
        head.append(walk.consulted.stamps)
        rows = [[*entry, *item[1:]] for item, entry in known]
        with contextlib.suppress(OSError):  # it only spares time
            _write(self.file, _line(head) + _line(rows))
            _prune(self.file.parent)

    def forget(self) -> None:
        """Drop what is known: it was wrong."""
        self._rows = b""
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def _head(self) -> Head | None:
        try:
            lines = self.file.read_bytes().split(b"\n") if self.file else []
            found: list[Any] = json.loads(_checked(lines[0]))
            self._rows = _checked(lines[1])
            format_, digest, size, files, seen, left_out, consulted = found
            places = [Seen(prefix, frozenset(ignored), print_) for prefix, ignored, print_ in seen]
        except (OSError, ValueError, TypeError, IndexError):
            return None
        return Head(digest, size, files, places, left_out, consulted) if format_ == FORMAT else None


def _is_settled(item: Found, began_ns: int) -> bool:
    """Whether any later change of the file will show."""
    return max(item.mtime_ns, item.ctime_ns) < began_ns - SETTLED_NS


def _line(content: object) -> bytes:
    text = json.dumps(content, separators=(",", ":")).encode("ascii")
    return b"%s %s\n" % (hashlib.sha256(text).hexdigest().encode(), text)


def _checked(line: bytes) -> bytes:
    wanted, _, text = line.partition(b" ")
    if hashlib.sha256(text).hexdigest().encode() != wanted:
        raise ValueError("damaged")
    return text


def _write(target: Path, content: bytes) -> None:
    if len(content) > MAX_BYTES:
        return
    target.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.rename(scratch, target)
    except BaseException:
        os.unlink(scratch)
        raise


def _prune(folder: Path) -> None:
    """Keep the newest, and no halves of old ones."""
    with os.scandir(folder) as scan:
        by_age = sorted(((entry.stat().st_mtime, entry.path) for entry in scan), reverse=True)
    limit = time.time() - 3600
    for number, (at, path) in enumerate(by_age):
        if number >= MAX_FILES or (at < limit and os.path.basename(path).startswith(".new-")):
            os.unlink(path)
