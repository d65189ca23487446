"""What lies in a directory, less what is left out. Looks at no file's content."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from jobs_jupyter.models.errors import MissingDirectoryError, PackageError
from jobs_jupyter.models.paths import from_here
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.packaging.ignore import Rule, Rules, Scope
from jobs_jupyter.packaging.repository import (
    GIT,
    GITIGNORE,
    Consulted,
    pattern_lines,
    scope_of_nested,
    scopes_above,
)

DEFAULT_EXCLUDES = (".git", ".venv", "venv", "__pycache__", ".ipynb_checkpoints", "node_modules")
MAX_LEFT_OUT = 1000
_STAMP = Struct("<QQqqQ")
_NAME = attrgetter("name")


class Found(NamedTuple):
    """One file, directory or link, and what `stat` says of it."""

    path: str  # relative to the directory, with slashes
    mode: int  # st_mode
    size: int = 0  # of a file
    mtime_ns: int = 0
    ctime_ns: int = 0
    inode: int = 0


class Seen(NamedTuple):
    """One directory that was entered, as it looked: an equal one leads to the same walk."""

    prefix: str  # its path with a slash; "" for the root
    ignored: Set[str]  # names of which nothing but their kind counts
    digest: str
    newest: int = 0  # when a file whose content directs the walk was last changed, in nanoseconds


@dataclass
class Walk:
    """Walks one directory once; iterate over `found()`."""

    root: Path
    excludes: Sequence[str] = ()
    home: Path | None = None  # the service's state directory, never packaged
    reserved: frozenset[str] = frozenset()  # names at the top that something else fills
    left_out: dict[str, str] = field(default_factory=dict)  # top-most path → rule
    seen: list[Seen] = field(default_factory=list)  # the directories that were entered
    consulted: Consulted = field(default_factory=Consulted)  # what else directed it
    in_repository: bool = True  # whether rules of the repository that the directory lies in count

    def __post_init__(self) -> None:
        first = (Rules(self.excludes, "excludes"), Rules(DEFAULT_EXCLUDES, "left out by default"))
        self._first = [rules for rules in first if rules]
        self._home = os.path.realpath(self.home) if self.home else None

    def found(self) -> Iterator[Found]:
        """Yield everything that is packaged, a directory before what is in it."""
        above = scopes_above(self.root, self.consulted) if self.in_repository else []
        yield from self._directory("", above)

    def _directory(self, prefix: str, scopes: list[Scope]) -> Iterator[Found]:
        place = os.path.join(self.root, prefix) if prefix else str(self.root)
        ignored: set[str] = set()
        try:
            entries = _listed(place)
            newest, scopes = self._with_gitignore(prefix, entries, scopes)
            for entry in entries:
                path = prefix + entry.name
                if reason := self._reason(path, entry, scopes):
                    self._leave_out(path, reason)
                    if entry.name != GITIGNORE:
                        ignored.add(entry.name)
                    continue
                found = _found(path, entry)
                if stat.S_ISREG(found.mode) or stat.S_ISLNK(found.mode):
                    yield found
                elif stat.S_ISDIR(found.mode):
                    yield found
                    yield from self._directory(f"{path}/", scopes)
                else:
                    self._leave_out(path, "a socket, pipe or device")
            shape = _shape(entries, ignored)  # of what `stat` said when the entry was found
        except OSError as error:
            raise unreadable(error.filename or place, error) from error
        self.seen.append(Seen(prefix, ignored, shape, newest))

    def _leave_out(self, path: str, reason: str) -> None:
        if len(self.left_out) < MAX_LEFT_OUT:
            self.left_out[path] = reason

    def _reason(self, path: str, entry: os.DirEntry[str], scopes: list[Scope]) -> str | None:
        is_directory = entry.is_dir(follow_symlinks=False)
        if path in self.reserved:
            return "reserved for the job's own files"
        rule = self._rule(path, scopes, is_directory)
        if rule is not None and not rule.negated:
            return str(rule)
        if is_directory and self._home and os.path.realpath(entry.path) == self._home:
            return "the service's state directory"
        return None

    def _rule(self, path: str, scopes: list[Scope], is_directory: bool) -> Rule | None:
        """Return the rule that decides: excludes, then defaults, then inner before outer gitignore."""
        for rules in self._first:
            if rule := rules.match(path, is_directory=is_directory):
                return rule
        for scope in reversed(scopes):
            if rule := scope.match(path, is_directory=is_directory):
                return rule
        return None

    def _with_gitignore(
        self, prefix: str, entries: list[os.DirEntry[str]], scopes: list[Scope]
    ) -> tuple[int, list[Scope]]:
        """Return when the directory's gitignore file was changed, and the rules with it."""
        if prefix and any(entry.name == GIT for entry in entries):
            nested = scope_of_nested(self.root / prefix, prefix, self.consulted)
            scopes = [*scopes, nested] if nested else scopes
        for entry in entries:
            if entry.name == GITIGNORE and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                lines = pattern_lines(entry.path)
                newest = max(status.st_mtime_ns, status.st_ctime_ns)
                return newest, [*scopes, Scope(len(prefix), Rules(lines, f"{prefix}.gitignore"))]
        return 0, scopes


def fingerprint(place: str, ignored: Set[str]) -> str:
    """Return the digest that a `Seen` has of a directory that looks the same."""
    return _shape(_listed(place), ignored)


def _listed(place: str) -> list[os.DirEntry[str]]:
    with os.scandir(place) as scan:
        return sorted(scan, key=_NAME)


def _shape(entries: list[os.DirEntry[str]], ignored: Set[str]) -> str:
    """Return a digest of all that counts of a directory's entries."""
    rows = []
    for entry in entries:
        if ignored and entry.name in ignored:
            kinds = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
            rows.append(b"%d%d" % kinds)
            continue
        now = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(now.st_mode):
            rows.append(_STAMP.pack(now.st_mode, 0, 0, 0, 0))
            continue
        rows.append(_STAMP.pack(now.st_mode, now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino))
    rows.append(os.fsencode("/".join([entry.name for entry in entries])))
    return hashlib.sha256(b"/".join(rows)).hexdigest()


def _found(path: str, entry: os.DirEntry[str]) -> Found:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return Found(path, status.st_mode)
    return Found(path, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def unreadable(path: str, error: OSError) -> PackageError:
    """Return the error for a file or directory that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return PackageError(
            f"{path!r} went while its directory was being packaged; run it again, "
            f"or leave it out with an exclude"
        )
    reason = (error.strerror or str(error)).lower()
    return PackageError(
        f"{path!r} cannot be read ({reason}), so its directory cannot be packaged; "
        f"make it readable, or leave it out with an exclude"
    )


def exists(path: Path) -> bool:
    """Tell whether there is something of that name; a `PackageError` where that can't be told."""
    try:
        return path.exists()
    except OSError as error:
        raise PackageError(f"{str(path)!r} can't be looked at: {error.strerror}; name another path") from None


def packaged_root(directory: str | Path, home: Path | None) -> Path:
    """Return the real path of a directory that may be packaged, else raise a `PackageError`."""
    path, whole = Path(os.path.expanduser(directory)), from_here(directory)
    if not exists(path):
        names = os.listdir(path.parent) if path.parent.is_dir() else []
        near = nearest(path.name, names)
        hint = f"; did you mean {str(path.with_name(near))!r}?" if near else "; check its spelling"
        raise MissingDirectoryError(f"There is no directory {str(path)!r}{hint}")
    if not path.is_dir():
        raise MissingDirectoryError(f"{str(path)!r} is not a directory; name the directory that holds it")
    root = whole.resolve()
    state = home.resolve() if home else None
    if state and (root == state or state in root.parents) and not _is_work(root.relative_to(state)):
        raise PackageError(
            f"{str(path)!r} belongs to the service's state directory, which is never packaged; "
            f"name another directory"
        )
    return root


def _is_work(path: Path) -> bool:
    """Tell whether this path in the state directory belongs to a run: a job may submit jobs."""
    return len(path.parts) > 4 and (path.parts[0], path.parts[2], path.parts[4]) == ("jobs", "runs", "work")
