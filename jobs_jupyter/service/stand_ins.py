"""Stand-ins for packages that an interpreter has: wheels of their metadata alone, for a resolver.

With them what is there can be chosen also where no index has it: what was built here, a local version
such as `2.3.0+cu121`, anything while there is no network. They are never installed.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from jobs_jupyter.service.interpreters import metadata_of, normalised

_WHEEL = "Wheel-Version: 1.0\nGenerator: jobs_jupyter\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def write_stand_ins(directories: Iterable[str], folder: Path) -> dict[str, str]:
    """Write a wheel for each package of these directories; returns the versions by normalised names.

    Passed over is what says its metadata in another way than wheels do, or has no valid version.
    """
    folder.mkdir()
    versions: dict[str, str] = {}
    for name, version, about in _found(directories):
        if name not in versions and (head := _head(about)) is not None:
            versions[name] = version
            _write(folder, name, version, head)
    return versions


def _found(directories: Iterable[str]) -> Iterator[tuple[str, str, Path]]:
    from packaging.version import InvalidVersion, Version

    for directory in directories:
        for name, version, about in metadata_of(directory):
            with contextlib.suppress(InvalidVersion):
                yield normalised(name), str(Version(version)), Path(directory, about)


def _head(about: Path) -> bytes | None:
    """Return the metadata without the description; None where it can't be read."""
    try:
        return (about / "METADATA").read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")[0] + b"\n"
    except OSError:
        return None


def _write(folder: Path, name: str, version: str, head: bytes) -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    with zipfile.ZipFile(os.path.join(folder, f"{stem}-py3-none-any.whl"), "w") as made:
        made.writestr(f"{stem}.dist-info/METADATA", head)
        made.writestr(f"{stem}.dist-info/WHEEL", _WHEEL)
        made.writestr(f"{stem}.dist-info/RECORD", "")
