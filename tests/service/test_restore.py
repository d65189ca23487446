"""What is no sound backup is refused, and nothing is touched by it."""

from __future__ import annotations

import gzip
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import BackupError
from jobs_jupyter.service import machine, restore
from jobs_jupyter.service.backup import FORMAT
from jobs_jupyter.service.backup import PIECES as PIECES_HEADER
from jobs_jupyter.service.backup import SIZE as SIZE_HEADER
from jobs_jupyter.service.store.schema import HEAD
from tests.archives import members, write
from tests.jobs import run


def test_what_is_refused(service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("echo kept", name="kept")
    archive, wrong = tmp_path / "one.tar.gz", tmp_path / "wrong.tar.gz"
    with client.stream("/v1/backup") as answer:
        archive.write_bytes(b"".join(answer.iter_bytes()))
    client_service.stop()
    client.reconnect()
    service.rename(tmp_path / "before")
    whole, files = archive.read_bytes(), members(archive)

    def said() -> str:
        with pytest.raises(BackupError) as refused:
            restore.restore(wrong, service, force=False)
        assert list(service.parent.iterdir()) == [], "nothing is touched, nothing is left"
        return str(refused.value)

    wrong.write_bytes(b"something else")
    assert "is not a backup of jobs-jupyter" in said()
    wrong.write_bytes(gzip.compress(b"something else" * 100))
    assert "is damaged" in said()
    for cut in (*range(0, len(whole), 97), *range(len(whole) - 100, len(whole))):
        wrong.write_bytes(whole[:cut])
        assert said(), f"cut off at {cut}"
    for at in range(len(whole)):
        wrong.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        assert said(), f"one bit of byte {at}"
    wrong.write_bytes(whole + b"more")
    assert "is damaged" in said()

    write(wrong, {"data": b"of another program"})
    assert "is not a backup of jobs-jupyter" in said()
    about = json.loads(files["backup.json"])
    for field, value in (("format", FORMAT + 1), ("schema", "9999")):
        write(wrong, {**files, "backup.json": json.dumps({**about, field: value}).encode()})
        assert "pip install --upgrade jobs-jupyter" in said()
    for database in ({}, {"jobs.db": b"none"}):
        write(wrong, {**{name: files[name] for name in files if name != "jobs.db"}, **database})
        assert "its database is missing or broken" in said()

    write(wrong, files, sealed=False)
    assert "is damaged" in said()
    write(wrong, {**files, "backup.json": json.dumps({**about, "format": 1}).encode()})
    wrong.write_bytes(wrong.read_bytes()[:-1] + b"x")
    assert "is damaged" in said()

    service.mkdir()
    monkeypatch.delattr(machine, "swap")  # as where directories can't be exchanged at once
    assert restore.restore(archive, service, force=False) == {
        "jobs": 1,
        "not_ended": 0,
        "home": str(service),
        "aside": None,
    }
    assert job.get_logs(name="kept") == "kept\n"


def test_a_backup_of_an_earlier_version(service: Path, tmp_path: Path) -> None:
    """It has no seal."""
    run("echo kept", name="kept")
    archive, older = tmp_path / "one.tar.gz", tmp_path / "older.tar.gz"
    with client.stream("/v1/backup") as answer:
        archive.write_bytes(b"".join(answer.iter_bytes()))
    client_service.stop()
    client.reconnect()
    files = members(archive)
    about = {**json.loads(files["backup.json"]), "format": 1}
    write(older, {**files, "backup.json": json.dumps(about).encode()}, sealed=False)
    restore.restore(older, service, force=True)
    assert job.get_logs(name="kept") == "kept\n"


def test_other_programs_read_it(service: Path, tmp_path: Path) -> None:
    run("echo kept", name="kept")
    archive = tmp_path / "one.tar.gz"
    with client.stream("/v1/backup") as answer:
        archive.write_bytes(b"".join(answer.iter_bytes()))
    for command in (["gzip", "--test", str(archive)], ["tar", "-xzf", str(archive), "-C", str(tmp_path)]):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "jobs.db").is_file()


NAMES = ("../escaped", "/tmp/escaped", "jobs/a/runs/b/outputs/../../../../x", "token", "jobs/a/runs/b/work/x")
LOG = "jobs/a/runs/b/log"
PIECES = ("0:9,4:9", "0:20", "0:9,-1:9", "x", "90:18")


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        *((name, {}) for name in NAMES),
        (LOG, {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd", "size": 0}),
        (LOG, {"type": tarfile.LNKTYPE, "linkname": "jobs.db", "size": 0}),
        (LOG, {"type": tarfile.FIFOTYPE, "size": 0}),
        *((LOG, {"pax_headers": {PIECES_HEADER: shown, SIZE_HEADER: "99"}}) for shown in PIECES),
        (LOG, {"pax_headers": {PIECES_HEADER: "0:18"}}),
    ],
)
def test_no_file_leads_out_of_it(tmp_path: Path, name: str, attributes: dict[str, Any]) -> None:
    about = json.dumps({"format": FORMAT, "schema": HEAD}).encode()
    archive, home = tmp_path / "wrong.tar.gz", tmp_path / "below" / "home"
    write(archive, {"backup.json": about, name: b"x" * 18}, changed={name: attributes})
    with pytest.raises(BackupError, match=r"is refused|is damaged"):
        restore.restore(archive, home, force=False)
    assert list(home.parent.iterdir()) == []
    assert not Path("/tmp/escaped").exists()
