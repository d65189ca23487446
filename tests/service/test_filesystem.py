"""The journal that suits a file system."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from jobs_jupyter.service import filesystem
from jobs_jupyter.service.filesystem import journal_mode
from tests.jobs import python


@pytest.mark.parametrize(
    ("kind", "mode"), [("ext4", "WAL"), ("overlay", "WAL"), ("nfs4", "DELETE"), ("9p", "DELETE")]
)
def test_known_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, mode: str) -> None:
    monkeypatch.delattr(filesystem, "_wal_works")  # what is known is not tried
    mounts = tmp_path / "mounts"
    mounts.write_text(f"something {tmp_path} {kind} rw 0 0\n")
    assert journal_mode(tmp_path / "jobs.db", mounts) == mode


def test_unknown_ones_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"something {tmp_path} somethingfs rw 0 0\n")
    database = tmp_path / "jobs.db"
    assert journal_mode(database, mounts) == "WAL"
    assert [path.name for path in tmp_path.iterdir()] == ["mounts"], "nothing is left"

    class Refusing(sqlite3.Connection):
        """As where a file can't be mapped into memory that is shared."""

        def execute(self, statement: str, *rest: object) -> sqlite3.Cursor:
            if "WAL" in statement:
                raise sqlite3.OperationalError("disk I/O error")
            return super().execute(statement, *rest)  # type: ignore[arg-type]

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path: connect(path, factory=Refusing))
    assert journal_mode(database, mounts) == "DELETE"
    monkeypatch.undo()
    assert journal_mode(Path("/proc/jobs.db"), mounts) == "DELETE", "where nothing can be written"


@pytest.mark.skipif(
    shutil.which("bindfs") is None or not os.access("/dev/fuse", os.R_OK | os.W_OK),
    reason="bindfs and /dev/fuse make a file system without shared memory",
)
def test_jobs_where_files_can_not_be_mapped(home: Path) -> None:
    """A real file system (FUSE) on which SQLite's write-ahead log fails, in a mount namespace of its own."""
    (home.parent / "source").mkdir()
    home.mkdir(mode=0o700)
    code = """
import contextlib, os, pathlib, sqlite3
from jobs_jupyter import job
from jobs_jupyter.client import service
from tests.jobs import ended, run, submit
home = pathlib.Path(os.environ["JOBS_JUPYTER_HOME"])
submitted = [submit(f"echo {n}") for n in range(10)]
print({ended(job_id).state.value for job_id in submitted}, len(list(job.list())))
job.delete(id=submitted[0])
with contextlib.closing(sqlite3.connect(home / "jobs.db")) as database:
    print(database.execute("PRAGMA journal_mode").fetchone()[0])
service.stop()
print(len(list(job.list())), [path.name for path in home.glob("jobs.db*")])
service.stop()
"""
    mount = f'bindfs -o direct_io {home.parent / "source"} {home} && "$@"; umount -l {home}'
    done = python(code, prefix=["unshare", "--mount", "sh", "-c", mount, "sh"], cwd=Path(__file__).parents[2])
    assert done.stdout.splitlines() == ["{'SUCCEEDED'} 10", "delete", "9 ['jobs.db']"], done.stderr
