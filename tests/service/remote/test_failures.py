"""What went wrong with a remote object, in words."""

from __future__ import annotations

import errno
import socket

import pytest

from jobs_jupyter.service.remote.failures import explained


@pytest.mark.parametrize(
    ("problem", "said", "again"),
    [
        (PermissionError("Forbidden"), "access is denied (Forbidden): the credentials are wrong", False),
        (
            PermissionError(errno.EACCES, "Permission denied", "/x/y"),
            "'/x/y' can't be read: Permission",
            False,
        ),
        (FileNotFoundError("x"), "there is nothing of that name", False),
        (
            ConnectionRefusedError(111, "Connect call failed"),
            "it can't be reached: Connect call failed.",
            True,
        ),
        (socket.gaierror(-2, "Name or service not known"), "it can't be reached: Name or service", True),
        (OSError("it broke off after 5 of 6 bytes"), "it broke off after 5 of 6 bytes", True),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "No space left on device: '/x/y'", True),
        (RuntimeError("strange"), "RuntimeError: strange", True),
    ],
)
def test_the_cause_and_what_to_do(problem: Exception, said: str, again: bool) -> None:
    found = explained(problem)
    assert found[0].startswith(said)
    assert found[1] is again
