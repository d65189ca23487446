"""Archives as a backup has them: read, and written with what should not be in them."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

from jobs_jupyter.service.backup_seal import Sealing

Changes = dict[str, dict[str, Any]]


def members(archive: Path) -> dict[str, bytes]:
    """Return the names and contents of an archive's files."""
    with tarfile.open(archive) as opened:
        files = {each.name: opened.extractfile(each) for each in opened}
        return {name: file.read() for name, file in files.items() if file}


def write(
    archive: Path, files: dict[str, bytes], *, sealed: bool = True, changed: Changes | None = None
) -> None:
    """Write an archive of these files, with a backup's seal.

    `changed` sets attributes of their members, by their names.
    """
    with open(archive, "wb") as file:
        sealing = Sealing(file)
        with gzip.GzipFile(fileobj=sealing, mode="wb") as packed:
            _write_members(packed, files, changed or {})
        if sealed:
            sealing.seal()


def _write_members(packed: gzip.GzipFile, files: dict[str, bytes], changed: Changes) -> None:
    with tarfile.open(fileobj=packed, mode="w|") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in changed.get(name, {}).items():
                setattr(member, field, value)
            made.addfile(member, io.BytesIO(content))
