"""What the state directory's file system allows the database to do.

SQLite's write-ahead log (WAL) lets reads go on beside a write. It needs memory that processes share
through a mapped file, which network file systems don't have, or have only on one machine. There the
service keeps a rollback journal instead: slower, since reads and writes wait for each other, but
right wherever file locks work. Where these don't, the service refuses to start: it can't take its own.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Literal

from jobs_jupyter.models import filesystem

LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"}
)


def journal_mode(database: Path, mounts: Path = filesystem.MOUNTS) -> Literal["WAL", "DELETE"]:
    """Return the journal mode for the database that is, or will be, at this path."""
    kind = filesystem.kind(database.parent, mounts)
    if kind in LOCAL:
        return "WAL"
    return "DELETE" if kind in filesystem.SHARED or not _wal_works(database.parent) else "WAL"


def _wal_works(folder: Path) -> bool:
    """Try it: two connections to one database, what the one writes is there for the other."""
    with contextlib.suppress(OSError, sqlite3.Error), tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place, "try.db")
        with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path)) as other:
            mode = one.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            one.execute("CREATE TABLE tried (it)")
            other.execute("SELECT * FROM tried").fetchall()
            return bool(mode == "wal")
    return False
