"""The program that fetches, in a process of its own as the service starts it."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

FETCHES = """
import json, sys
from jobs_jupyter.service.remote import program
program.MEMORY = 32 << 20
print(json.dumps(program.main(json.loads(sys.argv[1]))))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold a process to this limit")
def test_an_archive_that_would_take_all_memory_is_refused(tmp_path: Path) -> None:
    """Its directory alone, which Python's reader takes in as a whole."""
    record = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, *[0] * 8, 1, *[0] * 6) + b"x"
    directory = record * 400_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, len(directory), 0, 0)
    (tmp_path / "a.zip").write_bytes(directory + end)
    task = {"do": "fetch", "uri": f"file://{tmp_path}/a.zip", "version": None, "field": "working_dir"}
    (tmp_path / "place").mkdir()
    told = subprocess.run(
        [sys.executable, "-c", FETCHES, json.dumps({**task, "place": str(tmp_path / "place")})],
        env={**os.environ, "JOBS_JUPYTER_MAX_PACKAGE_FILES": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(told.stdout.splitlines()[-1])
    assert answer == {"error": "it takes more memory to read than an archive may", "again": False}
