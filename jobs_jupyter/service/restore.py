"""A state directory from a backup, as a program: `python -m jobs_jupyter.service.restore FILE --home DIR`.

The archive is unpacked into a new directory beside the state directory and checked; then the two are
exchanged at once. Before that nothing is touched. It prints one JSON object: `{jobs, not_ended, aside}`
or `{error}`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import gzip
import json
import os
import re
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from jobs_jupyter.models.errors import BackupError, JobsError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import machine
from jobs_jupyter.service.backup import ABOUT, DATABASE, FORMAT, PIECES, SIZE, UNSEALED
from jobs_jupyter.service.backup_seal import has_seal, is_intact
from jobs_jupyter.service.clock import Clock
from jobs_jupyter.service.masking import NO_MASKS
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.runners.local import read_exit
from jobs_jupyter.service.sparse import Piece, write_pieces
from jobs_jupyter.service.store import snapshot
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.schema import HEAD

_ID = r"[A-Za-z0-9_-]{1,128}"
_MEMBER = re.compile(
    rf"jobs\.db|packages/blobs/[0-9a-f]{{2}}/[0-9a-f]{{64}}|packages/manifests/[0-9a-f]{{64}}\.json"
    rf"|jobs/{_ID}/runs/{_ID}/(?:exit\.json|log|log\.gap|setup|setup\.gap|usage|outputs/.+)",
    re.ASCII | re.DOTALL,
)
"""What may be in a backup."""

_OWN = ("config.yaml", "token", "service.log", "vault", "vault.key")
"""What belongs to the state directory and not to its jobs: it stays."""

_DAMAGED = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
_TRANSIENT = ("service.lock", "start.lock", "vault.lock", "service.json", "service.sock")


def restore(archive: Path, home: Path, *, force: bool) -> dict[str, Any]:
    """Make a state directory of a backup.

    Args:
        archive: the backup.
        home: the state directory, which need not exist.
        force: where it has jobs, move it aside.

    Returns:
        `jobs`: how many there are now; `not_ended`: how many of them had not ended when the backup was
        made, and read FAILED; `aside`: where the old state directory is, if it had jobs.

    Raises:
        BackupError: a service runs there, there are jobs, or the archive is damaged or something else.
    """
    _look_into(archive)
    home.parent.mkdir(parents=True, exist_ok=True)
    _refuse_shared(home)
    with _alone(home):
        had_jobs = _has_jobs(StatePaths(home))
        if had_jobs and not force:
            raise BackupError(
                f"{home} has jobs already. Restore to another directory with --home, or move these aside "
                "with --force."
            )
        _refuse_running(home)
        fresh = Path(tempfile.mkdtemp(prefix=f".{home.name}.restoring-", dir=home.parent))
        try:
            _unpack(archive, fresh)
            counted = _settle(fresh)
            _take_over(home, fresh)
            aside = _exchange(home, fresh, keep=had_jobs)
        except BaseException:
            remove_tree(fresh)
            raise
    return {**counted, "home": str(home), "aside": str(aside) if aside else None}


# --- what is there ----------------------------------------------------------------------------------


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Keep services from starting there meanwhile; refuse where one runs."""
    with contextlib.ExitStack() as held:
        for name in ("start.lock", "service.lock") if home.is_dir() else ():
            file = held.enter_context(open(home / name, "a"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError(
                    f"A service runs on {home}. Stop it with: jupyter jobs service stop"
                ) from None
        yield


def _has_jobs(paths: StatePaths) -> bool:
    """Whether there are jobs; a database that can't be read may hold some."""
    if not paths.database.exists():
        return False
    try:
        return snapshot.count_jobs(paths.database) > 0
    except sqlite3.Error:
        return True


def _refuse_shared(home: Path) -> None:
    if any((home / "hosts").glob("*")):
        raise BackupError(
            f"{home} is shared with other hosts, whose jobs lie in {home / 'hosts'}. "
            "Restore to another directory with --home."
        )


def _refuse_running(home: Path) -> None:
    """Refuse where runs go on that write into the directory; runs outlive the service."""
    for claim in home.glob("jobs/*/runs/*/claim-*"):
        if _is_alive(claim):
            raise BackupError(
                f"The run {claim.parent.name} still runs in {home}. Terminate its job first: "
                f"jupyter jobs terminate {claim.parents[2].name}"
            )


def _is_alive(claim: Path) -> bool:
    """Whether the shim that made the claim still runs."""
    try:
        known = json.loads(claim.read_text())
        return machine.is_alive(known["pid"], known["start"])
    except (OSError, ValueError, KeyError, TypeError):  # a claim that was revoked is empty
        return False


# --- the archive ------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[tuple[BinaryIO, tarfile.TarFile]]:
    """Open an archive that says of itself that it is a backup which this version reads."""
    try:
        with gzip.open(archive) as packed, tarfile.open(fileobj=packed, mode="r|") as members:
            _check_seal(archive, _format_of(archive, members))
            yield _plain(packed), members
    except FileNotFoundError as problem:
        if problem.filename != str(archive):
            raise
        raise BackupError(f"There is no file {archive}; name a backup.") from None
    except IsADirectoryError:
        raise BackupError(f"{archive} is a directory; name a backup.") from None
    except gzip.BadGzipFile as problem:
        raise BackupError(f"{archive} is not a backup of jobs-jupyter, or is damaged: {problem}.") from None
    except _DAMAGED as problem:
        raise BackupError(f"{archive} is damaged: {problem}. Use another backup.") from None


def _look_into(archive: Path) -> None:
    """Refuse what is no backup, or a damaged one, before anything is asked of the user."""
    with _opened(archive):
        pass


def _unpack(archive: Path, fresh: Path) -> None:
    with _opened(archive) as (packed, members):
        while member := members.next():
            _write(members, member, fresh)
        while packed.read(1 << 20):  # gzip's checksum is at the very end
            pass
    if not snapshot.is_sound(fresh / DATABASE):
        raise BackupError(f"{archive} is damaged: its database is missing or broken. Use another backup.")


def _format_of(archive: Path, members: tarfile.TarFile) -> int:
    """Return the format that the archive says it has; refuse another program's or a newer version's."""
    first = members.next()
    file = members.extractfile(first) if first and first.name == ABOUT else None
    try:
        about = json.loads(file.read(1 << 16)) if file else {}
    except ValueError:
        about = {}
    if not isinstance(about, dict) or "format" not in about:
        raise BackupError(f"{archive} is not a backup of jobs-jupyter.")
    if about["format"] not in (UNSEALED, FORMAT) or str(about.get("schema")) > HEAD:
        raise BackupError(
            f"{archive} was made by jobs-jupyter {about.get('version')}, which this version can't read. "
            "Upgrade with: pip install --upgrade jobs-jupyter"
        )
    return int(about["format"])


def _check_seal(archive: Path, form: int) -> None:
    """Refuse an archive that is not byte for byte what was written; what is older may have no seal."""
    if (form != UNSEALED or has_seal(archive)) and not is_intact(archive):
        raise BackupError(
            f"{archive} is damaged: its bytes don't match the checksum at its end. Use another backup."
        )


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, fresh: Path) -> None:
    """Write one file of the archive; only names that a backup has, and only plain files."""
    path = PurePosixPath(member.name)
    if not (member.isreg() and _MEMBER.fullmatch(member.name) and str(path) == member.name):
        raise BackupError(f"The archive holds {member.name!r}, which is not part of a backup; it is refused.")
    if ".." in path.parts or "\0" in member.name:
        raise BackupError(f"The archive holds {member.name!r}, which leads out of it; it is refused.")
    target = fresh / path
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = members.extractfile(member)
    assert source is not None
    wanted, size = _pieces_of(member)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
        write_pieces(file, _plain(source), wanted, size)
    os.utime(target, (member.mtime, member.mtime))


def _plain(source: Any) -> BinaryIO:
    return source  # type: ignore[no-any-return] # typeshed: IO[bytes]


def _pieces_of(member: tarfile.TarInfo) -> tuple[list[Piece], int]:
    """Return where in the file the member's bytes belong, and the file's size."""
    if PIECES not in member.pax_headers:
        return [(0, member.size)], member.size
    try:
        size = int(member.pax_headers[SIZE])
        shown = [piece.split(":") for piece in member.pax_headers[PIECES].split(",") if piece]
        wanted = [(int(offset), int(length)) for offset, length in shown]
    except (ValueError, KeyError):
        raise tarfile.ReadError(f"the pieces of {member.name} can't be read") from None
    ends = [0, *(offset + length for offset, length in wanted)]
    inside = all(offset >= end and length > 0 for (offset, length), end in zip(wanted, ends, strict=False))
    if not inside or ends[-1] > size or sum(length for _, length in wanted) != member.size:
        raise tarfile.ReadError(f"the pieces of {member.name} don't fit together")
    return wanted, size


# --- the new directory ------------------------------------------------------------------------------


def _settle(fresh: Path) -> dict[str, int]:
    """Decide the jobs that had not ended, as far as can be known."""
    paths = StatePaths(fresh)
    opened = Database(paths.database)
    try:
        not_ended = asyncio.run(
            opened.write(
                snapshot.settle, lambda job, run: read_exit(paths.job(job).run(run), NO_MASKS), Clock().now()
            )
        )
    finally:
        opened.close()
    return {"jobs": snapshot.count_jobs(paths.database), "not_ended": not_ended}


def _take_over(home: Path, fresh: Path) -> None:
    """Keep what belongs to the state directory and not to its jobs."""
    for name in _OWN:
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(home / name, fresh / name)
    machine.sync(str(fresh))


def _exchange(home: Path, fresh: Path, *, keep: bool) -> Path | None:
    """Put the new directory in the place of the old; returns where the old one is, if it is kept."""
    if not home.exists():
        fresh.rename(home)
        return None
    aside = home.with_name(f"{home.name}.before-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    try:
        machine.swap(str(fresh), str(home))
    except (OSError, AttributeError):  # a file system or a system library without that
        home.rename(aside)
        fresh.rename(home)
    else:
        fresh.rename(aside)
    for name in _TRANSIENT:
        (aside / name).unlink(missing_ok=True)
    if keep:
        return aside
    remove_tree(aside)
    return None


def main(arguments: list[str] | None = None) -> int:
    """Restore; returns the exit code: 0, or 1 where it was refused or failed."""
    parser = argparse.ArgumentParser(prog="jobs_jupyter.service.restore", description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--force", action="store_true")
    options = parser.parse_args(arguments)
    try:
        done = restore(options.archive, options.home.absolute(), force=options.force)
    except (JobsError, OSError, sqlite3.Error) as problem:
        print(json.dumps({"error": str(problem)}))
        return 1
    print(json.dumps(done))
    return 0


if __name__ == "__main__":
    sys.exit(main())
