"""How much of the disk files take."""

from __future__ import annotations

import os
from pathlib import Path

BLOCK = 512  # bytes: the unit of st_blocks


def disk_usage(root: Path) -> int:
    """Return the bytes that a directory takes on disk, holes not counted; 0 where there is none."""
    return sum(
        file_usage(Path(place, name))
        for place, folders, files in os.walk(root)
        for name in [*folders, *files]
    )


def file_usage(path: Path) -> int:
    """Return the bytes that a file takes on disk; 0 where it is gone."""
    try:
        return path.lstat().st_blocks * BLOCK
    except OSError:
        return 0
