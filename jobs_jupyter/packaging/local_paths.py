"""What a config names by a path on this machine, as packages: later edits change nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jobs_jupyter.models.errors import MissingFileError, PackageError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from jobs_jupyter.packaging.module import module, named
from jobs_jupyter.packaging.requirements import NAME, names_files, requirements

CONTAINERFILE = "Containerfile"

Store = Callable[[Snapshot], str]
"""Keeps a snapshot where the job will find it, and returns its URI."""


def is_local(path: str) -> bool:
    """Whether a field of a config names a path on this machine, and not a URI."""
    return "://" not in path


def has_local_paths(config: JobConfig) -> bool:
    """Whether anything has to be packaged before the config can be submitted."""
    file = config.requirements if isinstance(config.requirements, str) else None
    named = (config.working_dir, config.containerfile, file, *(config.py_modules or ()))
    return any(map(is_local, filter(None, named))) or _lists_files(config)


def with_packages(
    config: JobConfig, store: Store, home: Path | None, left_out: dict[str, str] | None = None
) -> JobConfig:
    """Return the config with a package's URI in the place of each path.

    Args:
        config: what is to be submitted.
        store: called with each snapshot.
        home: the service's state directory, which is never packaged.
        left_out: gets each path that is left out of the working directory, with the rule that does it.

    Raises:
        PackageError: a path that is not there, can't be read, or is too large; two modules of one name;
            requirements that can't be installed elsewhere.
    """
    changed: dict[str, Any] = {}
    if config.working_dir is not None and is_local(config.working_dir):
        directory = snapshot(config.working_dir, config.excludes, home=home)
        changed["working_dir"] = store(directory)
        if left_out is not None:
            left_out.update(directory.left_out)
    if config.py_modules and any(map(is_local, config.py_modules)):
        _refuse_namesakes(config.py_modules)
        changed["py_modules"] = [
            store(module(entry, home=home)) if is_local(entry) else entry for entry in config.py_modules
        ]
    if _lists_files(config) or (isinstance(config.requirements, str) and is_local(config.requirements)):
        changed["requirements"] = f"{store(requirements(config.requirements or []))}/{NAME}"
    if config.containerfile is not None and is_local(config.containerfile):
        changed["containerfile"] = _containerfile(config.containerfile, store)
    return config.options(**changed) if changed else config


def _lists_files(config: JobConfig) -> bool:
    return isinstance(config.requirements, list) and names_files(config.requirements)


def _containerfile(path: str, store: Store) -> str:
    """Return the URI of the file in a package of its own."""
    try:
        content = Path(os.path.expanduser(path)).read_bytes()
    except OSError as problem:
        kind = MissingFileError if isinstance(problem, FileNotFoundError) else PackageError
        raise kind(f"containerfile={path!r} can't be read: {problem.strerror}") from problem
    return f"{store(snapshot(None, extra={CONTAINERFILE: content}))}/{CONTAINERFILE}"


def _refuse_namesakes(entries: list[str]) -> None:
    seen: dict[str, str] = {}
    for entry in filter(is_local, entries):
        name = named(entry).name.removesuffix(".py")
        if name in seen:
            raise PackageError(
                f"py_modules has {seen[name]!r} and {entry!r}, which are both `import {name}`; leave one out"
            )
        seen[name] = entry
