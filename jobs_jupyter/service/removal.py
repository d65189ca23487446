"""Removing a directory that a job has written to."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path


def remove_tree(root: Path) -> None:
    """Remove a directory with everything in it, also below directories that a job made read-only.

    What can't be removed even so is left; the next start of the service tries again.
    """
    with contextlib.suppress(FileNotFoundError):
        try:
            shutil.rmtree(root)
        except OSError:
            _make_writable(root)
            shutil.rmtree(root, ignore_errors=True)


def _make_writable(root: Path) -> None:
    """Give their owner all rights to the directories; links are not followed."""
    with contextlib.suppress(OSError):
        root.chmod(0o700)
    for place, folders, _ in os.walk(root):
        for folder in (Path(place, name) for name in folders):
            if not folder.is_symlink():
                with contextlib.suppress(OSError):
                    folder.chmod(0o700)
