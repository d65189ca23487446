"""Directories that are packaged only where somebody names them: a home, the root, and what holds a home."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path


def why_broad(directory: Path) -> str | None:
    """Return what makes a directory too broad to be packaged unasked, None where nothing does.

    Files are compared, not paths: a home may be a link, or be mounted in a second place.

    Args:
        directory: one that is there.

    Returns:
        The end of a sentence, such as `your home directory`.
    """
    if _same(directory, Path("/")):
        return "the root directory"
    homes = list(_homes())
    if any(_same(directory, home) for home in homes):
        return "your home directory"
    above = {place for home in homes for place in (*home.parents, *Path(os.path.realpath(home)).parents)}
    if any(_same(directory, place) for place in above):
        return "a directory that holds your home directory"
    return None


def _homes() -> Iterator[Path]:
    """Yield the user's home as the environment has it, and as the system has it."""
    if named := os.environ.get("HOME"):
        yield Path(os.path.abspath(named))
    with contextlib.suppress(KeyError):  # a container's user may have no entry
        if home := pwd.getpwuid(os.getuid()).pw_dir:
            yield Path(os.path.abspath(home))


def _same(one: Path, other: Path) -> bool:
    """Whether both are one directory, also where it is seen through two file systems (FUSE, NFS)."""
    try:
        first, second = os.stat(one), os.stat(other)
    except OSError:
        return False
    if (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino):
        return True
    times = (first.st_mtime_ns, first.st_ctime_ns) == (second.st_mtime_ns, second.st_ctime_ns)
    return times and first.st_ino == second.st_ino
