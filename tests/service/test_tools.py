"""Programs that prepare something end with the service, and when they are not wanted any more."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from jobs_jupyter.service import tools
from tests.jobs import eventually


def test_output_in_order_and_the_exit_code(tmp_path: Path) -> None:
    pieces: list[bytes] = []
    code = "echo out; echo err >&2; pwd; echo $A; cat; exit 7"
    ended = asyncio.run(
        tools.run(["sh", "-c", code], pieces.append, environment={**os.environ, "A": "b"}, directory=tmp_path)
    )
    assert (ended, b"".join(pieces)) == (7, f"out\nerr\n{tmp_path}\nb\n".encode())


def test_a_signal_and_a_program_that_is_not_there() -> None:
    pieces: list[bytes] = []
    assert asyncio.run(tools.run(["sh", "-c", "kill -9 $$"], pieces.append)) == 128 + 9
    assert asyncio.run(tools.run(["no-such-program"], pieces.append)) == 127
    assert b"".join(pieces) == b"no-such-program: No such file or directory\n"


def pids_in(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split()] if path.exists() else []


TREE = "echo $$ >> pids; (trap '' TERM; setsid sh -c 'echo $$ >> pids; exec sleep 600') & wait"
"""A program with a child in a session of its own."""


def test_cancelled_it_leaves_no_process(tmp_path: Path) -> None:
    async def cancel() -> None:
        work = asyncio.create_task(tools.run(["sh", "-c", TREE], lambda _: None, directory=tmp_path))
        await asyncio.to_thread(eventually, lambda: len(pids_in(tmp_path / "pids")) == 2)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancel())
    assert not [pid for pid in pids_in(tmp_path / "pids") if psutil.pid_exists(pid)]


def test_it_ends_with_a_service_that_is_killed(tmp_path: Path) -> None:
    work = f"tools.run(['sh', '-c', {TREE!r}], print, directory={str(tmp_path)!r})"
    code = f"import asyncio; from jobs_jupyter.service import tools; asyncio.run({work})"
    service = subprocess.Popen([sys.executable, "-c", code])
    eventually(lambda: len(pids_in(tmp_path / "pids")) == 2)
    service.send_signal(signal.SIGKILL)
    service.wait()
    for pid in pids_in(tmp_path / "pids"):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(20)
