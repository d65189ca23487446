"""What an interpreter is, and which packages it has: without starting it, once it is known."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs_jupyter.service import tools

_PROBE = """
import json, site, sys
own = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
print()
print(json.dumps({"version": sys.version, "directories": [*own, *site.getsitepackages()]}))
"""
_METADATA = re.compile(r"(?P<name>[A-Za-z0-9._-]+?)-(?P<version>\d[^-]*)(?:-.*)?\.(?:dist|egg)-info")
_MARKS = (".dist-info", ".egg-info", ".egg-link", ".pth")


@dataclass(frozen=True)
class Interpreter:
    """A Python: `directories` are those that packages are installed into, the first to be found first.

    `mark` differs once another file has taken its place.
    """

    executable: str
    version: str
    directories: tuple[str, ...]
    mark: str

    def contents(self) -> list[str]:
        """Return the names by which its directories say what is installed: they differ with any of it."""
        return [name for directory in self.directories for name in sorted(_listing(directory))]

    def packages(self) -> dict[str, str]:
        """Return the version of each package that it can import, by normalised names."""
        return installed(self.directories)


class Interpreters:
    """The interpreters that were asked already."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Interpreter] = {}

    async def ask(self, executable: str) -> Interpreter:
        """Return what an interpreter is; it is started only where that is not known yet.

        Raises:
            ValueError: it is not there, or is no Python.
        """
        known = executable, _mark(executable)
        if known not in self._known:
            self._known[known] = await _ask(*known)
        return self._known[known]


async def _ask(executable: str, mark: str) -> Interpreter:
    said = bytearray()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    code = await tools.run([executable, "-c", _PROBE], said.extend, environment=environment)
    try:
        answer = json.loads(said.splitlines()[-1])
        return Interpreter(executable, answer["version"], tuple(answer["directories"]), mark)
    except (IndexError, ValueError, TypeError, KeyError):
        last = said.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise ValueError(
            f"{executable} is no Python that packages can be added to: it ends with exit code {code}"
            + (f" and says {last!r}" if last else "")
        ) from None


def installed(directories: Iterable[str | Path]) -> dict[str, str]:
    """Return name and version of the packages in these directories, the first of a name only."""
    found: dict[str, str] = {}
    for directory in directories:
        for name, version, _ in metadata_of(directory):
            found.setdefault(normalised(name), version)
    return found


def metadata_of(directory: str | Path) -> Iterator[tuple[str, str, str]]:
    """Yield name and version of each package in a directory, and what its metadata lies in."""
    for name in _listing(directory):
        if match := _METADATA.fullmatch(name):
            yield match["name"], match["version"], name


def normalised(name: str) -> str:
    """Return the one spelling of a package's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _listing(directory: str | Path) -> list[str]:
    try:
        return [name for name in os.listdir(directory) if name.endswith(_MARKS)]
    except OSError:
        return []


def _mark(executable: str) -> str:
    try:
        found = os.stat(executable)
    except OSError as problem:
        raise ValueError(f"{executable} can't be used: {problem.strerror}") from None
    settings = Path(executable).parent.parent / "pyvenv.cfg"
    changed = settings.stat().st_mtime_ns if settings.exists() else 0
    return f"{os.path.realpath(executable)}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{changed}"
