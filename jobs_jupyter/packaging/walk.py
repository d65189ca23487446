"""What lies in a directory, less what is left out. Looks at no file's content."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.packaging.ignore import Rule, Rules

DEFAULT_EXCLUDES = (".git", ".venv", "venv", "__pycache__", ".ipynb_checkpoints", "node_modules")
MAX_LEFT_OUT = 1000


@dataclass(slots=True)
class Found:
    """One file, directory or link."""

    path: str  # relative to the directory, with slashes
    mode: int  # st_mode
    size: int


@dataclass(slots=True)
class _Scope:
    """A gitignore file's rules and where they count from."""

    prefix: int  # length of the path of its directory, with the slash
    rules: Rules


@dataclass
class Walk:
    """Walks one directory once; iterate over `found()`."""

    root: Path
    excludes: Sequence[str] = ()
    home: Path | None = None  # the service's state directory, never packaged
    reserved: frozenset[str] = frozenset()  # names at the top that something else fills
    left_out: dict[str, str] = field(default_factory=dict)  # top-most path → rule

    def __post_init__(self) -> None:
        self._excludes = Rules(self.excludes, "excludes")
        self._defaults = Rules(DEFAULT_EXCLUDES, "left out by default")
        self._home = os.path.realpath(self.home) if self.home else None

    def found(self) -> Iterator[Found]:
        """Yield everything that is packaged, a directory before what is in it."""
        yield from self._directory("", [])

    def _directory(self, prefix: str, scopes: list[_Scope]) -> Iterator[Found]:
        place = os.path.join(self.root, prefix) if prefix else str(self.root)
        try:
            with os.scandir(place) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
            scopes = self._with_gitignore(prefix, entries, scopes)
            for entry in entries:
                yield from self._entry(prefix + entry.name, entry, scopes)
        except OSError as error:
            raise unreadable(error.filename or place, error) from error

    def _entry(self, path: str, entry: os.DirEntry[str], scopes: list[_Scope]) -> Iterator[Found]:
        is_directory = entry.is_dir(follow_symlinks=False)
        if reason := self._reason(path, entry, scopes, is_directory):
            if len(self.left_out) < MAX_LEFT_OUT:
                self.left_out[path] = reason
            return
        status = entry.stat(follow_symlinks=False)
        if is_directory:
            yield Found(path, status.st_mode, 0)
            yield from self._directory(f"{path}/", scopes)
        elif stat.S_ISREG(status.st_mode):
            yield Found(path, status.st_mode, status.st_size)
        elif stat.S_ISLNK(status.st_mode):
            yield Found(path, status.st_mode, 0)
        elif len(self.left_out) < MAX_LEFT_OUT:
            self.left_out[path] = "a socket, pipe or device"

    def _reason(
        self, path: str, entry: os.DirEntry[str], scopes: list[_Scope], is_directory: bool
    ) -> str | None:
        if path in self.reserved:
            return "reserved for the job's own files"
        rule = self._rule(path, scopes, is_directory)
        if rule is not None and not rule.negated:
            return str(rule)
        if is_directory and self._home and os.path.realpath(entry.path) == self._home:
            return "the service's state directory"
        return None

    def _rule(self, path: str, scopes: list[_Scope], is_directory: bool) -> Rule | None:
        """Return the rule that decides: excludes, then defaults, then inner before outer gitignore."""
        for rules in (self._excludes, self._defaults):
            if rule := rules.match(path, is_directory=is_directory):
                return rule
        for scope in reversed(scopes):
            if rule := scope.rules.match(path[scope.prefix :], is_directory=is_directory):
                return rule
        return None

    def _with_gitignore(
        self, prefix: str, entries: list[os.DirEntry[str]], scopes: list[_Scope]
    ) -> list[_Scope]:
        for entry in entries:
            if entry.name == ".gitignore" and entry.is_file(follow_symlinks=False):
                lines = os.fsdecode(Path(entry.path).read_bytes()).removeprefix("\ufeff").split("\n")
                return [*scopes, _Scope(len(prefix), Rules(lines, f"{prefix}.gitignore"))]
        return scopes


def unreadable(path: str, error: OSError) -> PackageError:
    """Return the error for a file or directory that cannot be read."""
    reason = (error.strerror or str(error)).lower()
    return PackageError(
        f"{path!r} cannot be read ({reason}), so its directory cannot be packaged; "
        f"make it readable, or leave it out with an exclude"
    )


def packaged_root(directory: str | Path, home: Path | None) -> Path:
    """Return the real path of a directory that may be packaged, else raise a `PackageError`."""
    path = Path(directory).expanduser()
    if not path.exists():
        names = os.listdir(path.parent) if path.parent.is_dir() else []
        near = nearest(path.name, names)
        hint = f"; did you mean {str(path.with_name(near))!r}?" if near else "; check its spelling"
        raise PackageError(f"There is no directory {str(path)!r}{hint}")
    if not path.is_dir():
        raise PackageError(f"{str(path)!r} is not a directory; name the directory that holds it")
    root = path.resolve()
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
