"""Who is at the other end of a Unix socket: a path may be anybody's, the kernel says whose process it is."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import sys

from jobs_jupyter.models.errors import ServiceUnavailableError

_UCRED = struct.Struct("3i")  # pid, uid, gid
_XUCRED = struct.Struct("=II")  # version, uid: the head of macOS's
_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES = 0, 1, 76


def name_of(uid: int) -> str:
    """Return the name of a user, and `user <uid>` where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def is_trusted(uid: int) -> bool:
    """Whether it is this process's user, or root, who can read everything anyway."""
    return uid in (os.geteuid(), 0)


def peer_uid(connection: socket.socket) -> int:
    """Return the user who listens at the other end of a connected Unix socket."""
    if sys.platform == "darwin":  # untested: written by the manual, no macOS machine was at hand
        found: int = _XUCRED.unpack_from(connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_BYTES))[1]
        return found
    return int(_UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))[1])


def check(connection: socket.socket, path: str) -> None:
    """Make sure that this user's service, or root's, listens; nothing may be sent before.

    Raises:
        ServiceUnavailableError: another user listens there.
    """
    uid = peer_uid(connection)
    if not is_trusted(uid):
        raise ServiceUnavailableError(
            f"Another user, {name_of(uid)}, listens at {path}, where your jobs service should be; nothing "
            "was sent there. Set JOBS_JUPYTER_HOME to a directory that only you can write to."
        )


def listens(path: str) -> bool:
    """Whether a service of this user's, or root's, takes connections at a socket's path.

    Raises:
        ServiceUnavailableError: another user listens there.
    """
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except OSError:  # also where the path is too long
            return False
        check(probe, path)
    return True
