"""The scratch directories of a queue's clusters, by their numbers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

from jobs_jupyter.service.removal import remove_tree


async def clear(queue: Path, current: int) -> None:
    """Delete what the clusters of a queue before the `current` one kept; a newer one may be up already."""
    await asyncio.to_thread(_remove_before, queue, current)
    with contextlib.suppress(OSError):  # in the loop, where the directories of a new one are made
        os.rmdir(queue)


def _remove_before(queue: Path, current: int) -> None:
    for kept in list(queue.glob("*")):
        if not (kept.name.isdecimal() and int(kept.name) >= current):
            remove_tree(kept)
