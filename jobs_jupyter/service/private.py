"""The service's files are its user's alone; jobs make theirs by the umask of who started the service."""

from __future__ import annotations

import os

_PRIVATE = 0o077
_given: list[int] = []


def keep_private() -> None:
    """Let nobody else read or change what this process makes from now on."""
    _given.append(os.umask(_PRIVATE))


def umask_of_jobs() -> int:
    """Return the umask that this process was started with; -1, which changes nothing, if it still has it."""
    return _given[0] if _given else -1
