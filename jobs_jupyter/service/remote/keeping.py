"""Writing a package into a remote store, as an archive that any cluster can read."""

from __future__ import annotations

import gzip
import os
import tarfile
from pathlib import Path
from typing import Any, BinaryIO

from jobs_jupyter.service.remote.objects import CHUNK, Store

WRAPPER = "package-"  # with this in its name, no reader takes the directory for a module


def keep(task: dict[str, Any]) -> dict[str, Any]:
    """Write the directory `place` as an archive to the URI, unless it is there already.

    In the archive all is in one directory: Ray, and `working_dir` here, take the only directory of an
    archive off, so that what the package itself holds stays as it is.
    """
    store = Store(task["uri"])
    if store.fs.exists(store.path):
        return {"kept": False}
    if not task.get("place"):
        return {"missing": True}
    name = WRAPPER + store.name.partition(".")[0][:16]
    if store.scheme == "file":
        _keep_here(Path(store.path), Path(task["place"]), name)
        return {"kept": True}
    try:
        with store.fs.open(store.path, "xb", block_size=CHUNK) as file:
            _write(file, Path(task["place"]), name)
    except FileExistsError:  # another service was faster, with the same content
        return {"kept": False}
    return {"kept": True}


def _keep_here(target: Path, source: Path, name: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(scratch, "xb") as file:
            _write(file, source, name)
        scratch.rename(target)
    finally:
        scratch.unlink(missing_ok=True)


def _write(file: BinaryIO, source: Path, name: str) -> None:
    """Write the archive: the same bytes for the same content, whoever writes it, whenever."""
    with (
        gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.add(source, name, filter=_plain)


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = 0
    return member
