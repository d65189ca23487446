"""What a cell's runner leaves beside its results. A job can put anything in their place."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.masking import Masks
from jobs_jupyter.service.outcome import NOT_KEPT

MOST = 1 << 20  # bytes: a longer file is not the runner's
MESSAGE = 2000  # characters of an exception's message


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


@dataclass(frozen=True)
class CellReport:
    """How a cell ended, in its runner's words."""

    error: dict[str, Any] | None = None  # the exception's type, message and line
    missing: tuple[str, ...] = ()  # results that were promised and did not come
    displayed: str | None = None  # a sentence on what it displayed beyond text


def is_there(paths: RunPaths) -> bool:
    """Tell whether a cell's runner left anything to read."""
    return any(os.path.lexists(place) for place in (paths.error, paths.results, paths.displayed))


def read(paths: RunPaths, masks: Masks) -> CellReport:
    """Return what a run's cell left, without what `masks` hide."""
    return CellReport(
        read_error(paths.error, masks), _missing(paths.results, masks), _displayed(paths.displayed)
    )


def read_error(path: Path, masks: Masks) -> dict[str, Any] | None:
    """Return the exception's type, message and line, without what `masks` hide; None for anything else."""
    found = _dictionary(path)
    if not {"type", "message"} <= found.keys():
        return None
    line = found.get("line")
    return {
        "type": masks.words(str(found["type"]))[:200],
        "message": masks.words(str(found["message"]))[:MESSAGE],
        **({"line": line} if isinstance(line, int) else {}),
    }


def _missing(path: Path, masks: Masks) -> tuple[str, ...]:
    found = _dictionary(path)
    names = found.get("promised")
    if not isinstance(names, list) or "variables" in found:
        return ()
    return tuple(masks.words(str(name))[:200] for name in names[:50])


def _displayed(path: Path) -> str | None:
    found = _dictionary(path)
    parts = [
        f"{count} {kind}{'s' if count > 1 else ''}"
        for kind in ("figure", "table", "output")
        if isinstance(count := found.get(kind), int) and 0 < count < 2**31
    ]
    if not parts:
        return None
    is_one = len(parts) == 1 and parts[0].startswith("1 ")
    verb, rest = ("was", "it is") if is_one else ("were", "they are")
    return f"{', '.join(parts)} {verb} displayed; {rest} {NOT_KEPT}"


def _dictionary(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(content(path) or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
