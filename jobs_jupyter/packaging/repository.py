"""The git repository that a directory lies in: which rules of it count, and whether they are as they were."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jobs_jupyter.packaging.ignore import Rule, Rules, Scope

GIT, GITIGNORE = ".git", ".gitignore"


@dataclass
class Consulted:
    """Files outside what is packaged that direct it, as they looked; one that is not there counts, too."""

    stamps: dict[str, str] = field(default_factory=dict)  # path → what `stat` says, in short
    newest: int = 0  # when one of them was last changed, in nanoseconds

    def look(self, path: Path) -> os.stat_result | None:
        """Look at a file that is about to be read, and remember how it looked; None: it is not there."""
        found = _stat(path)
        self.stamps[str(path)] = _stamp(found)
        if found is not None and stat.S_ISREG(found.st_mode):
            self.newest = max(self.newest, found.st_mtime_ns, found.st_ctime_ns)
        return found

    def lines(self, path: Path) -> list[str]:
        """Return the lines of a file of patterns; none where it is not there, or not readable, as for git."""
        found = self.look(path)
        if found is None or not stat.S_ISREG(found.st_mode):
            return []
        try:
            return pattern_lines(path)
        except OSError:
            return []


def same(stamps: Mapping[str, str]) -> bool:
    """Whether all that was consulted looks as it did."""
    return all(_stamp(_stat(Path(path))) == stamp for path, stamp in stamps.items())


def pattern_lines(path: str | Path) -> list[str]:
    """Return the lines of a file of patterns."""
    return os.fsdecode(Path(path).read_bytes()).removeprefix("\ufeff").split("\n")


def scopes_above(root: Path, consulted: Consulted) -> list[Scope]:
    """Return the rules that count for a directory from outside of it, the outermost first.

    They are those of the repository that it lies in: `.git/info/exclude`, and each gitignore file from the
    repository's root down to the directory above. A rule that leaves out the directory itself does not
    count: whoever names it wants what is in it.

    Args:
        root: the directory, by its real path.
        consulted: is told of all that was looked at.
    """
    top = next((place for place in (root, *root.parents) if _is_repository(place, consulted)), None)
    if top is None:
        return []
    below = root.relative_to(top).parts
    found = [("", _excluded(top, os.path.relpath(top / GIT, root), consulted))]
    for depth in range(len(below)):
        place = top.joinpath(*below[:depth]) / GITIGNORE
        rules = Rules(_own_lines(place, consulted), os.path.relpath(place, root))
        found.append(("".join(f"{part}/" for part in below[:depth]), rules))
    path = "".join(f"{part}/" for part in below)
    found = _without_its_own([each for each in found if each[1]], list(below))
    return [Scope(0, rules, path.removeprefix(prefix)) for prefix, rules in found]


def scope_of_nested(place: Path, prefix: str, consulted: Consulted) -> Scope | None:
    """Return what a repository within what is packaged excludes by itself.

    Args:
        place: its directory.
        prefix: the path of that below what is packaged, with a slash.
        consulted: is told of all that was looked at.
    """
    if not _is_repository(place, consulted):
        return None
    rules = _excluded(place, f"{prefix}{GIT}", consulted)
    return Scope(len(prefix), rules) if rules else None


def _without_its_own(scopes: list[tuple[str, Rules]], parts: list[str]) -> list[tuple[str, Rules]]:
    for depth in range(1, len(parts) + 1):
        path = "/".join(parts[:depth])
        while (rule := _deciding(scopes, path)) is not None and not rule.negated:
            scopes = [(prefix, rules.without(rule)) for prefix, rules in scopes]
    return scopes


def _deciding(scopes: list[tuple[str, Rules]], directory: str) -> Rule | None:
    for prefix, rules in reversed(scopes):
        inside = directory.startswith(prefix)
        if inside and (rule := rules.match(directory.removeprefix(prefix), is_directory=True)):
            return rule
    return None


def _is_repository(place: Path, consulted: Consulted) -> bool:
    marker = place / GIT
    found = consulted.look(marker)
    if found is None:
        return False
    return any(consulted.look(folder / "HEAD") is not None for folder in _git_folders(marker, consulted))


def _git_folders(marker: Path, consulted: Consulted) -> Iterator[Path]:
    """Yield where a repository's data lies: its own folder, then the one that worktrees share."""
    folder = marker
    if marker.is_file():  # of a worktree or a submodule
        said = _text(marker)
        if not said.startswith("gitdir:"):
            return
        folder = marker.parent / said.removeprefix("gitdir:").strip()
    yield folder
    common = folder / "commondir"
    if consulted.look(common) is not None:
        yield folder / _text(common).strip()


def _excluded(top: Path, name: str, consulted: Consulted) -> Rules:
    folders = list(_git_folders(top / GIT, consulted))
    return Rules(consulted.lines(folders[-1] / "info" / "exclude"), f"{name}/info/exclude")


def _own_lines(path: Path, consulted: Consulted) -> list[str]:
    if path.is_symlink():  # git does not follow it
        consulted.look(path)
        return []
    return consulted.lines(path)


def _text(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())
    except OSError:
        return ""


def _stat(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _stamp(found: os.stat_result | None) -> str:
    """Return what counts of how a file looks: of a directory, that it is there."""
    if found is None:
        return ""
    if not stat.S_ISREG(found.st_mode):
        return "directory"
    return f"{found.st_mode} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"
