"""What was fetched, on its way into the package store: the frames of an upload, and a manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import Entry, Manifest
from jobs_jupyter.service.archives import Limits

FRAMES, MANIFEST = "frames", "manifest.json"
HEAD = 64 + 8


class Parcel:
    """Gathers entries and their contents in a directory, from where the service takes them.

    `limits` are those that the contents are counted by already; a link to a file becomes one more file.
    """

    def __init__(self, place: Path, limits: Limits) -> None:
        self._place = place
        self._limits = limits
        self._file = open(place / FRAMES, "wb")  # noqa: SIM115 - closed by `close`
        self._known: set[str] = set()
        self._entries: dict[str, Entry] = {}

    def add(self, entry: Entry, content: Iterable[bytes]) -> None:
        """Add an entry; of a file under the same path the later one counts, as for tar.

        A file that names a target has the content of that earlier one.
        """
        earlier = self._entries.get(entry.path)
        if earlier is not None and (earlier.kind != entry.kind or entry.kind == "l"):
            raise PackageError(f"it holds {entry.path[:200]!r} twice, as different things")
        if entry.kind == "f":
            entry = self._same(entry) if entry.target else self._stored(entry, content)
        self._entries[entry.path] = entry

    def close(self, field: str, name: str) -> None:
        """Write the manifest of what is there, laid out as the field wants it.

        Raises:
            PackageError: the entries are no tree, or a link leads out of it.
        """
        self._file.close()
        manifest = Manifest(laid_out(list(self._entries.values()), field, name))
        checked = Manifest.from_json(manifest.content)
        (self._place / MANIFEST).write_bytes(checked.content)

    def _same(self, entry: Entry) -> Entry:
        other = self._entries.get(entry.target)
        if other is None or other.kind != "f":
            raise PackageError(f"{entry.path[:200]!r} is a link to {entry.target[:200]!r}, which is no file")
        self._limits.take(other.size)
        return entry._replace(size=other.size, digest=other.digest, target="")

    def _stored(self, entry: Entry, content: Iterable[bytes]) -> Entry:
        start, hashed, size = self._file.tell(), hashlib.sha256(), 0
        self._file.write(bytes(HEAD))
        for piece in content:
            hashed.update(piece)
            size += len(piece)
            self._file.write(piece)
        digest = hashed.hexdigest()
        if digest in self._known:
            self._file.seek(start)
            self._file.truncate()
        else:
            self._known.add(digest)
            self._file.seek(start)
            self._file.write(digest.encode() + size.to_bytes(8))
            self._file.seek(0, 2)
        return entry._replace(size=size, digest=digest)


def laid_out(entries: list[Entry], field: str, name: str) -> list[Entry]:
    """Return the entries where a field wants them.

    A directory that only wraps the others goes: for `working_dir` any that is alone at the top, as Ray
    does it; for `py_modules` one whose name can't be imported, such as `library-1.0`. With a `name`,
    what is there becomes the module of that name.
    """
    if name:
        return [Entry(name, "d"), *(entry._replace(path=f"{name}/{entry.path}") for entry in entries)]
    tops = {entry.path.partition("/")[0] for entry in entries}
    top = next(iter(tops), "")
    is_directory = all("/" in entry.path or entry.kind == "d" for entry in entries)
    if len(tops) != 1 or not is_directory or (field == "py_modules" and top.isidentifier()):
        return entries
    return [entry._replace(path=entry.path.removeprefix(f"{top}/")) for entry in entries if entry.path != top]
