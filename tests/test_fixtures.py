"""The fixtures of conftest.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import processes_of


def test_home_is_named_by_the_environment_and_short_enough_for_a_socket(home: Path) -> None:
    assert os.environ["JOBS_JUPYTER_HOME"] == str(home)
    assert len(str(home / "service.sock")) < 100
    assert not home.exists()


def test_without_home_the_state_directory_cannot_be_used() -> None:
    assert os.environ["JOBS_JUPYTER_HOME"].startswith("/dev/null/")


def test_a_process_of_a_home_is_found(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert [found.pid for found, _ in processes_of(home)] == [process.pid]
        assert process.stdin is not None
        process.stdin.write(b"\n")
    assert not list(processes_of(home))
