"""Writing a small file so that it survives a crash, whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path  # the shim, which imports this module, has no use for it


def write(path: str, text: str) -> bool:
    """Write a file so that it is durable and never seen half; False where the disk is full.

    Where its directory is gone nobody will ask for it, and that is as good as written.
    """
    scratch = f"{path}.new"
    try:
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(scratch, path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of it, without the layers of `open`, which cost a shim more than the file."""
    while content:
        content = content[os.write(descriptor, content) :]


def replace(path: Path, content: bytes) -> None:
    """Write a file that its user alone can read: after a crash it holds the old content, or all of the new.

    OSError: it can't be written; then the old content stays.
    """
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)  # it may have been left with other rights
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
