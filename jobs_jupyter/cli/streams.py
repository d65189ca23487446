"""The standard streams, which a shell may have closed (`>&-`), or whose reader may be gone (`| head`)."""

from __future__ import annotations

import os
import sys


def open_closed() -> None:
    """Open `/dev/null` in the place of each closed standard stream.

    Else the next file or socket would get its number, and be written into by whoever prints.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest number that is free
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a standard stream is never closed
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def abandon_output() -> None:
    """Let what is still to be printed go nowhere: else the interpreter complains of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
