"""One entry of `py_modules` → package: a Python package's directory, or a module's file, under its name."""

from __future__ import annotations

import os
from pathlib import Path

from jobs_jupyter.models.errors import MissingDirectoryError, PackageError
from jobs_jupyter.models.paths import from_here
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from jobs_jupyter.packaging.limits import Limits
from jobs_jupyter.packaging.walk import exists

SUFFIX = ".py"


def named(path: str | Path) -> Path:
    """Return the absolute path of a module, by the name that it is given by: a link is not followed."""
    return Path(os.path.normpath(from_here(path)))


def module(path: str | Path, *, home: Path | None = None) -> Snapshot:
    """Read a module or package so that the directory above what is unpacked makes it importable.

    Args:
        path: a directory, or a file whose name ends in `.py`.
        home: the service's state directory, which is never packaged.

    Raises:
        PackageError: it is neither, its name can't be imported, or it can't be read.
    """
    place = named(path)
    if not exists(place):
        raise _no_such(path, place)
    name = place.name.removesuffix(SUFFIX) if place.is_file() else place.name
    if place.is_file() and place.suffix != SUFFIX:
        raise PackageError(f"{str(path)!r} in py_modules is neither a directory nor a {SUFFIX} file")
    if not name.isidentifier():
        raise PackageError(
            f"{str(path)!r} in py_modules can't be imported: {name!r} is no Python name; "
            f"name the directory of a package, or put it into working_dir"
        )
    if place.is_file():
        return snapshot(None, extra={place.name: _content(path, place)})
    limits = Limits(leave_out="with a line '{0}' in its .gitignore")  # excludes are for working_dir
    # it is named by itself: what a repository leaves out, such as what was compiled, may be all that it has
    return snapshot(path, limits=limits, home=home, in_repository=False).beneath(name)


def _no_such(path: str | Path, place: Path) -> MissingDirectoryError:
    near = nearest(place.name, os.listdir(place.parent) if place.parent.is_dir() else [])
    hint = f"did you mean {str(Path(path).with_name(near))!r}?" if near else "check its spelling"
    return MissingDirectoryError(
        f"py_modules has {str(path)!r}, and there is no such directory or file; {hint}"
    )


def _content(path: str | Path, place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise PackageError(f"py_modules has {str(path)!r}, which can't be read: {error.strerror}") from None
