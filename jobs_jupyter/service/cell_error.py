"""What a cell's runner says of the exception that ended the cell. A job can put anything in its place."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from jobs_jupyter.service.masking import Masks

MOST = 1 << 20  # bytes: a longer file is not the runner's


def content(path: Path) -> bytes | None:
    """Return what the file holds; None where it is longer than any runner's, a link, or no file.

    A named pipe is not waited for.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > MOST:
            return None
        return os.pread(descriptor, MOST, 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read(path: Path, masks: Masks) -> dict[str, Any] | None:
    """Return the exception's type, message and line, without what `masks` hide; None for anything else."""
    try:
        found = json.loads(content(path) or b"")
        line = found.get("line")
        return {
            "type": masks.words(str(found["type"]))[:200],
            "message": masks.words(str(found["message"]))[:2000],
            **({"line": line} if isinstance(line, int) else {}),
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
