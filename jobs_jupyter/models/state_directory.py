"""Whom a state directory belongs to; nothing in one is opened before that is known."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from jobs_jupyter.models import peer
from jobs_jupyter.models.errors import ServiceStartError
from jobs_jupyter.models.paths import HOME_VARIABLE, MAX_SOCKET_PATH, StatePaths, default_home

_ELSEWHERE = f"Set {HOME_VARIABLE} to a directory of your own"
SOCKET_NAME = "service.sock"


def checked_home() -> Path:
    """Return the state directory that the environment names, which need not exist yet.

    Raises:
        ServiceStartError: see `check`.
    """
    check(home := default_home())
    return home


def check(home: Path) -> None:
    """Make sure that nobody else can put something into a state directory, or in its place.

    It is this user's or root's; its group may write to it, as in homes that a group shares and where
    containers run as any user.

    Raises:
        ServiceStartError: it is a link, another user's, or open to all, or what is above it is.
    """
    try:
        found = home.lstat()
    except FileNotFoundError:
        _check_above(home)
        return
    except OSError:
        return  # nothing can be there: whoever makes it says why
    if stat.S_ISLNK(found.st_mode):
        raise ServiceStartError(
            f"The state directory {home} is a link, which could be made to lead elsewhere. "
            f"Set {HOME_VARIABLE} to the directory itself: {os.path.realpath(home)}"
        )
    if not peer.is_trusted(found.st_uid):
        raise ServiceStartError(
            f"The state directory {home} belongs to another user, {peer.name_of(found.st_uid)}. {_ELSEWHERE}."
        )
    if stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_IWOTH and not _made_private(home, found):
        raise ServiceStartError(
            f"All users can write to the state directory {home}. If what is in it is yours alone: "
            f"chmod 700 {home}. Else set {HOME_VARIABLE} to another one."
        )
    _check_above(home)


def _made_private(home: Path, found: os.stat_result) -> bool:
    """Close a directory of this user's, such as a new file system, in which nobody has put anything."""
    if found.st_uid != os.geteuid() or not _is_all_ours(home):
        return False
    with contextlib.suppress(OSError):  # a read-only file system
        home.chmod(0o700)
    if _is_all_ours(home):
        return True
    home.chmod(stat.S_IMODE(found.st_mode))  # somebody was quick: not to be taken for safe the next time
    return False


def _is_all_ours(home: Path) -> bool:
    return all(peer.is_trusted(each.lstat().st_uid) for each in home.iterdir())


def _check_above(home: Path) -> None:
    """Refuse a directory above that lets everybody rename what is in it."""
    for above in Path(os.path.realpath(home)).parents:
        try:
            mode = above.stat().st_mode
        except OSError:
            continue  # not there yet: made by us
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise ServiceStartError(
                f"All users can rename what is in {above}, so the state directory {home} could be replaced. "
                f"{_ELSEWHERE}, or let them rename only their own: chmod +t {above}"
            )


def make(directory: Path) -> None:
    """Make a directory and those above it that are missing, for this user alone whatever the umask."""
    missing = [directory]
    while not (above := missing[-1].parent).exists():
        missing.append(above)
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)


def own_file(path: Path) -> BinaryIO:
    """Open a file of a checked state directory for appending, and make it where it is missing.

    Raises:
        OSError: it can't be opened, or is a link or no regular file.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as problem:
        if problem.errno != errno.ELOOP:
            raise
        raise PermissionError(f"{path} is a link, which could lead anywhere; remove it") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PermissionError(f"{path} is not a regular file; remove it")
    return open(descriptor, "ab")


def make_private(home: Path) -> None:
    """Take from the group and others what they may do in a state directory of this user's."""
    found = home.stat()
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        home.chmod(0o700)


def socket_for(paths: StatePaths) -> Path:
    """Return where the service shall listen; for the service, which holds the directory's lock.

    Where the path in the state directory is too long for a socket, it is in a new directory, which
    the state directory records for clients and for the next service. One that is not recorded is
    never used: anybody could have made it.
    """
    if paths.socket_fits or paths.socket.parent != paths.home:
        return paths.socket
    folder = _new_folder()
    scratch = paths.socket_record.with_name(f".{paths.socket_record.name}-{secrets.token_hex(4)}")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(os.fsencode(folder))
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(paths.socket_record)
    return folder / SOCKET_NAME


def _new_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for above in (runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes what is not there
        room = MAX_SOCKET_PATH - len(os.fsencode(f"{above}/jobs-jupyter-12345678/{SOCKET_NAME}"))
        if above and room >= 0 and os.access(above, os.W_OK | os.X_OK):
            return Path(tempfile.mkdtemp(prefix="jobs-jupyter-", dir=above))
    raise ServiceStartError("no directory for temporary files has a path that is short enough for a socket")
