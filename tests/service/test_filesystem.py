"""The journal that suits a file system."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jobs_jupyter.service import filesystem
from jobs_jupyter.service.filesystem import journal_mode


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
