"""Packages: a directory's content, addressed by the SHA-256 of its manifest."""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from operator import ne
from typing import Any, NamedTuple, Self

from jobs_jupyter.models.errors import PackageError

SCHEME = "package://sha256/"
ARCHIVES = (".zip", ".tar.gz")  # what a directory may be packed in, elsewhere
FORMAT = 1
MAX_ENTRIES = 1_000_000
MAX_PATH = 4096
MAX_NAME = 255  # bytes, on every usual file system
_MAX_LINKS = 64  # more than any kernel follows; a path that has more is taken to lead out
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_URI = re.compile(rf"{SCHEME}(?P<digest>[0-9a-f]{{64}})(?P<path>/[^\0]+)?", re.ASCII)


class Entry(NamedTuple):
    """One file (kind "f"), directory ("d") or symbolic link ("l") of a package."""

    path: str  # relative, with slashes; bytes that are not UTF-8 as surrogate escapes
    kind: str
    mode: int = 0o755  # permission bits; meaningless for a link
    size: int = 0  # of a file
    digest: str = ""  # SHA-256 of a file's content
    target: str = ""  # of a link, relative


class Manifest:
    """What a package holds, in one canonical order."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries: tuple[Entry, ...] = tuple(sorted(entries))

    @cached_property
    def content(self) -> bytes:
        """The manifest as canonical JSON: one row an entry, sorted by path."""

        return json.dumps({"format": FORMAT, "entries": self.entries}, separators=(",", ":")).encode("ascii")

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def uri(self) -> str:
        """The package's URI."""
        return f"{SCHEME}{self.digest}"

    @property
    def size(self) -> int:
        """The bytes of all its files together."""
        return sum(entry.size for entry in self.entries)

    @property
    def digests(self) -> set[str]:
        """The SHA-256 of every file's content."""
        return {entry.digest for entry in self.entries if entry.kind == "f"}

    @classmethod
    def from_json(cls, content: bytes | str, *, max_entries: int = MAX_ENTRIES) -> Self:
        """Return the manifest of a JSON text that anybody may have written.

        Raises:
            PackageError: it is not a manifest, or unpacking it could write outside its directory.
        """
        return cls._checked(_rows(content, max_entries))

    @classmethod
    def stored(cls, content: bytes) -> Self:
        """Return the manifest of a JSON text that was checked when it was stored."""
        return cls(Entry(*row) for row in json.loads(content)["entries"])

    @classmethod
    def canonical(cls, content: bytes) -> Self:
        """Return the manifest of a text that is stored as it is: checked, and each row as `content` has it.

        Raises:
            PackageError: see `from_json`; or the rows are in another order or form.
        """
        rows = _rows(content, MAX_ENTRIES)
        manifest = cls._checked(rows)
        if any(map(ne, manifest.entries, map(tuple, rows))):
            raise PackageError("The manifest is not in its canonical form; send what Manifest.content gives")
        manifest.content = content
        return manifest

    @classmethod
    def _checked(cls, rows: list[Any]) -> Self:
        manifest = cls(map(_entry, rows))
        _check_tree(manifest.entries)
        return manifest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifest) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return f"Manifest({len(self.entries)} entries, {self.size} bytes)"


def is_package_uri(uri: str) -> bool:
    """Tell whether this is a package's URI."""
    return uri.startswith(SCHEME) and _HEX.fullmatch(uri, len(SCHEME)) is not None


def package_digest(uri: str) -> str:
    """Return the digest in the URI of a package, or of a file in one, else raise a `PackageError`."""
    return package_file(uri)[0]


def package_file(uri: str) -> tuple[str, str]:
    """Return a package's digest and the path of the file in it that a URI names, "" for all of it."""
    if (found := _URI.fullmatch(uri)) is None:
        raise PackageError(f"{uri!r} is not the URI of a package; it has the form {SCHEME}<64 hex digits>")
    path = (found["path"] or "").removeprefix("/")
    if path:
        _check_path(path)
    return found["digest"], path


def _rows(content: bytes | str, max_entries: int) -> list[Any]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise PackageError("The manifest is not JSON; send what Manifest.content gives") from None
    if (
        not isinstance(data, dict)
        or data.get("format") != FORMAT
        or not isinstance(data.get("entries"), list)
    ):
        raise PackageError(f"The manifest does not have the form {{format: {FORMAT}, entries: [row, …]}}")
    rows: list[Any] = data["entries"]
    if len(rows) > max_entries:
        raise PackageError(
            f"The manifest has {len(rows)} entries; the most that is accepted is {max_entries}"
        )
    return rows


def _entry(row: Any) -> Entry:
    if not isinstance(row, list) or len(row) != len(Entry._fields):
        raise PackageError(f"An entry of the manifest does not have the form {list(Entry._fields)}")
    path, kind, mode, size, digest, target = row
    if type(path) is not str or type(target) is not str or type(digest) is not str:
        raise PackageError("An entry of the manifest has a path, digest or target that is not a string")
    if type(mode) is not int or type(size) is not int or not 0 <= size < 2**63:
        raise PackageError(f"The entry {path[:200]!r} has a mode or a size that is not a valid number")
    _check_path(path)
    if kind == "f" and _HEX.fullmatch(digest) and not target:
        return Entry(path, "f", mode & 0o777, size, digest)
    if kind == "d" and not (size or digest or target):
        return Entry(path, "d", mode & 0o777)
    if kind == "l" and target and not (size or digest):
        _check_text(target)
        return Entry(path, "l", mode & 0o777, target=target)
    raise PackageError(f"The entry {path[:200]!r} is no valid file, directory or link")


def _check_path(path: str) -> None:
    if len(path) > MAX_NAME // 4 and any(map(_is_long, path.split("/"))):
        raise PackageError(
            f"The path {path[:200]!r} has a name of more than {MAX_NAME} bytes; no file has one"
        )
    padded = f"/{path}/"
    if len(path) > MAX_PATH or "//" in padded or "/./" in padded or "/../" in padded:
        raise PackageError(f"The path {path[:200]!r} is not a plain relative path, so it cannot be unpacked")
    _check_text(path)


def _is_long(name: str) -> bool:
    return len(name.encode("utf-8", "surrogatepass")) > MAX_NAME


def _check_text(text: str) -> None:
    """Refuse what no file name can be, and second spellings of the same bytes."""
    if "\0" in text or len(text) > MAX_PATH:
        raise PackageError(f"The name {text[:200]!r} is too long or holds a NUL character")
    if text.isascii():
        return
    try:
        same = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text
    except UnicodeError:
        same = False
    if not same:
        raise PackageError(f"The name {text[:200]!r} is no file name")


def _check_tree(entries: tuple[Entry, ...]) -> None:
    kinds = {entry.path: entry.kind for entry in entries}
    if len(kinds) != len(entries):
        twice = next(a.path for a, b in pairwise(entries) if a.path == b.path)
        raise PackageError(f"The path {twice!r} is in the manifest twice")
    parents: set[str] = set()
    for path in kinds:
        parent = path.rpartition("/")[0]
        while parent and parent not in parents:
            if kinds.get(parent, "d") != "d":
                raise PackageError(f"The entry {path!r} lies beneath {parent!r}, which is not a directory")
            parents.add(parent)
            parent = parent.rpartition("/")[0]
    links = {entry.path: entry.target for entry in entries if entry.kind == "l"}
    for path in links:
        if leads_out(path, links):
            raise PackageError(f"The link {path!r} leads out of the package, to {links[path]!r}")


def leads_out(path: str, links: dict[str, str]) -> bool:
    """Tell whether following the link at `path` leaves the tree that has these `links`.

    No kernel follows a loop, but programs that work paths out by themselves go on behind it, as if the
    link that is met again were a directory: so does this.
    """
    here: list[str] = []
    ahead: deque[str | tuple[str]] = deque(path.split("/"))  # a tuple: the link whose target ends here
    within: set[str] = set()
    followed = 0
    while ahead:
        part = ahead.popleft()
        if isinstance(part, tuple):
            within.discard(part[0])
        elif part == "..":
            if not here:
                return True
            here.pop()
        elif part not in ("", "."):
            here.append(part)
            link = "/".join(here)
            target = links.get(link)
            if target is None:
                continue
            if link in within:
                if _goes_up(here, ahead):
                    return True
                continue
            followed += 1
            if followed > _MAX_LINKS or target.startswith("/"):
                return True
            within.add(link)
            here.pop()
            ahead.extendleft([(link,), *reversed(target.split("/"))])
    return False


def _goes_up(here: list[str], ahead: Iterable[str | tuple[str]]) -> bool:
    """Tell whether what is ahead leaves the tree where all of it are directories."""
    depth = len(here)
    for part in ahead:
        if part == "..":
            depth -= 1
        elif isinstance(part, str) and part not in ("", "."):
            depth += 1
        if depth < 0:
            return True
    return False
