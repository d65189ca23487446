"""Standard streams that are closed, full, or that nobody reads any more."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM
from tests.jobs import output, submit


def shell(line: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell in which `jobs` is the program; what it says is in stderr."""
    script = f'set -o pipefail; jobs() {{ {shlex.quote(PROGRAM)} "$@"; }}; {line}'
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False, cwd=cwd
    )  # fmt: skip


CLOSED = [">&-", "<&-", ">&- <&-", "2>&- >&-", "<&- >&- 2>&-"]


def test_closed_streams(service: Path) -> None:
    submit("echo hello", name="x")
    verbs = ("list", "list --json", "--help", "status x", "logs x", "submit -- true")
    for verb, closed in [*((verb, ">&-") for verb in verbs), *(("list", each) for each in CLOSED)]:
        done = shell(f"jobs {verb} {closed}; exit $?")
        assert (done.returncode, done.stderr) == (0, ""), (verb, closed)


def test_an_error_is_not_printed_into_a_socket(service: Path) -> None:
    output("true", name="x")
    done = shell("jobs status nothing-of-this-name >&-; exit $?")
    assert done.returncode == 1
    assert done.stderr.startswith("jupyter jobs: ")
    assert done.stderr.count("\n") == 1
    assert shell("jobs status nothing-of-this-name 2>&-; exit $?").stdout == ""


def test_a_reader_that_has_had_enough(service: Path) -> None:
    output("seq 300000", name="long")
    for verb in ("logs long", "logs long --follow", "list --json", "--help"):
        done = shell(f"jobs {verb} | true; exit ${{PIPESTATUS[0]}}")
        assert done.returncode in (0, 141)  # 0: all of it was in the pipe before its reader went
        assert done.stderr == ""
        assert shell(f"jobs {verb} | head -c 1").stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a full device")
def test_output_that_can_not_be_written(service: Path) -> None:
    output("seq 300000", name="long")
    for verb in ("logs long", "list"):
        done = shell(f"jobs {verb} > /dev/full; exit $?")
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


def test_a_directory_that_was_deleted(service: Path, tmp_path: Path) -> None:
    here = "mkdir d && cd d && rmdir ../d &&"
    done = shell(f"{here} jobs submit -w . -- true", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "jupyter jobs: The current directory no longer exists; change to another one with cd "
        "(%cd in a notebook).\n"
    )
    done = shell(f"{here} jobs list --home place", cwd=tmp_path)
    assert "The current directory no longer exists" in done.stderr
    done = shell(f"{here} jobs submit -w /etc/skel --wait -- echo it works", cwd=tmp_path)
    assert done.stdout.endswith("it works\n"), done.stderr
