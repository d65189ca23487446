"""Requirements → package: a file with all that it includes, or a list; and the local wheels they name."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from jobs_jupyter.models.errors import MissingFileError, PackageError
from jobs_jupyter.models.package import Entry, Manifest
from jobs_jupyter.models.paths import from_here, working_directory
from jobs_jupyter.models.requirements import (
    FILE_OPTIONS,
    conda_hint,
    expanded,
    is_archive,
    lines,
    local_file,
    names_file,
    option,
)
from jobs_jupyter.packaging.dependency_files import as_requirements
from jobs_jupyter.packaging.directory import Contents, Snapshot, Sources

NAME = "requirements.txt"
_INDICES = {"-i": "--index-url", "--index-url": "--index-url", "--extra-index-url": "--extra-index-url"}


def requirements(given: str | Path | list[str]) -> Snapshot:
    """Read a file of requirements, or a list, under the name `requirements.txt`, and beside it what it names.

    Options and `${VARIABLES}` of a file stay as they are: whoever installs reads them.

    Raises:
        PackageError: a file that is not there or can't be read, or something that can only be
            installed from where it is.
    """
    reader = _Reader()
    if isinstance(given, list):
        reader.take_list(given)
    else:
        reader.take(Path(os.path.expanduser(given)), f"requirements={str(given)!r}")
    contents = Contents(Manifest(reader.entries), lambda: reader.sources)
    return Snapshot(lambda: contents)


def names_files(entries: list[str]) -> bool:
    """Whether a list of requirements names files of this machine, which have to come along."""
    return any(local_file(entry.strip()) is not None or _is_file(entry) for entry in entries)


def _is_file(entry: str) -> bool:
    """Whether an entry of a list means a file of requirements, and no package."""
    word = entry.strip()
    return names_file(word) or (not is_archive(word) and os.path.isfile(os.path.expanduser(word)))


class _Reader:
    """Gathers the files, each once; what includes it is rewritten to its new name."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.sources: Sources = {}
        self._names: dict[Path, str] = {}
        self._open: list[Path] = []

    def take(self, path: Path, asked: str) -> str:
        """Read a file with all that it includes, and return its name in the package."""
        path = from_here(path).resolve()
        if path in self._open:
            raise PackageError(f"requirements: {asked} includes {str(path)!r}, which includes itself")
        if path in self._names:
            return self._names[path]
        name = f"{len(self._names)}-{_plain(path.name)}" if self._names else NAME
        self._names[path] = name
        self._open.append(path)
        text = as_requirements(path, _read(path, asked), asked)
        rewritten = [self._rewritten(path, number, line) for number, line in lines(text)]
        self._open.pop()
        self._add(name, "".join(f"{line}\n" for line in rewritten).encode())
        return name

    def take_list(self, entries: list[str]) -> None:
        """Read the entries of a list, whose paths count from here."""
        here = working_directory() / NAME
        self._names[here] = NAME
        for entry in entries:
            if option(entry) is not None or len(list(lines(entry))) != 1:
                raise PackageError(f"requirements has {entry!r}, which is no requirement; put it into a file")
        rewritten = [self._entry(here, entry.strip()) for entry in entries]
        self._add(NAME, "".join(f"{line}\n" for line in rewritten).encode())

    def _entry(self, here: Path, entry: str) -> str:
        """Return the line of a list's entry; a file counts with all that it asks for."""
        place = Path(os.path.expanduser(entry))
        if not _is_file(entry) or place.is_dir():
            return self._requirement(here, "the list", entry)
        if not place.exists():
            raise MissingFileError(
                f"requirements: the list has {entry!r}, and there is no file {str(from_here(place))!r}"
            )
        return f"-r {self.take(place, f'requirements: the list has {entry!r}, which')}"

    def _rewritten(self, file: Path, number: int, line: str) -> str:
        where = f"line {number} of {str(file)!r}"
        if (found := option(line)) is None:
            return self._requirement(file, where, line)
        name, value = found
        if "://" in value:
            return line
        place = _beside(file, expanded(value, dict(os.environ)))
        if name in FILE_OPTIONS:
            return f"{FILE_OPTIONS[name]} {self.take(place, where)}"
        if name in ("-f", "--find-links"):
            return f"--find-links {_quoted(place)}"
        if name in _INDICES and place.is_dir():
            return f"{_INDICES[name]} {place.resolve().as_uri()}"
        if name in ("-e", "--editable"):
            raise _bound_to_its_place(where, line)
        return line

    def _requirement(self, file: Path, where: str, line: str) -> str:
        if (hint := conda_hint(line)) is not None:
            raise PackageError(f"requirements: {where}: {hint}")
        if names_file(line) and not _beside(file, line).is_dir():
            raise PackageError(f"requirements: {where} has the file {line!r}; include it with '-r {line}'")
        if (named := local_file(line)) is None:
            return line
        place = _beside(file, expanded(named.path, dict(os.environ)))
        if place.is_dir():
            raise _bound_to_its_place(where, line)
        if not place.is_file():
            raise MissingFileError(f"requirements: {where} has {line!r}, and there is no file {str(place)!r}")
        return f"./{self._archive(place)}{named.extras}{named.rest}"

    def _archive(self, place: Path) -> str:
        place = place.resolve()
        if place not in self._names:
            name = self._names[place] = f"files/{len(self._names)}/{_plain(place.name)}"
            with place.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
            self.sources[digest] = str(place)
            self.entries.append(Entry(name, "f", 0o644, size, digest))
        return self._names[place]

    def _add(self, name: str, content: bytes) -> None:
        digest = hashlib.sha256(content).hexdigest()
        self.sources[digest] = content
        self.entries.append(Entry(name, "f", 0o644, len(content), digest))


def _read(path: Path, asked: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        kind = MissingFileError if isinstance(problem, FileNotFoundError) else PackageError
        raise kind(
            f"{asked} names the file {str(path)!r}, which can't be read: {problem.strerror}; "
            f"requirements is a list such as ['numpy>=2'], or the path of a file"
        ) from None


def _plain(name: str) -> str:
    """Return a file's name without what would mean something in a line that names it."""
    return re.sub(r"[^A-Za-z0-9._+!-]", "_", name)


def _quoted(place: Path) -> str:
    """Return a path as a word of a line, in which `#`, `${X}` and spaces mean something."""
    return str(place) if re.fullmatch(r"[A-Za-z0-9._+/-]+", str(place)) else place.resolve().as_uri()


def _beside(file: Path, path: str) -> Path:
    """Return a path, counted from the file that names it; where that is not there, from here."""
    place = file.parent / os.path.expanduser(path)
    if place.exists():
        return place
    here = from_here(path)
    return here if here.exists() else place


def _bound_to_its_place(where: str, line: str) -> PackageError:
    return PackageError(
        f"requirements: {where} has {line!r}, a directory, which the job would not have as it is now; "
        f"build a wheel of it and name that, or give the directory with py_modules"
    )
