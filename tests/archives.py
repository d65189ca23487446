"""Archives as a backup has them: read, and written with what should not be in them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any


def members(archive: Path) -> dict[str, bytes]:
    """Return the names and contents of an archive's files."""
    with tarfile.open(archive) as opened:
        files = {each.name: opened.extractfile(each) for each in opened}
        return {name: file.read() for name, file in files.items() if file}


def write(archive: Path, files: dict[str, bytes], **changed: Any) -> None:
    """Write an archive of these files; `changed` sets attributes of their members, by their names."""
    with tarfile.open(archive, "w:gz") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in changed.get(name, {}).items():
                setattr(member, field, value)
            made.addfile(member, io.BytesIO(content))
