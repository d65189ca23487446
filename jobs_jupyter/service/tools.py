"""Running a program that prepares something: an installer, a container engine."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from jobs_jupyter.service import guard

CHUNK = 65536


async def run(
    command: Sequence[str],
    output: Callable[[bytes], None],
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> int:
    """Run a program to its end, and return its exit code.

    It is killed, with all that it has started, where this is cancelled and where the service dies.

    Args:
        command: what to execute; its first word is looked up on PATH.
        output: called with what the program writes, stdout and stderr in order.
        environment: all of its variables; None: the service's own.
        directory: where it runs; None: `/`.
    """
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-I", "-S", guard.__file__, *command],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment,
        cwd=directory or "/",
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        while piece := await process.stdout.read(CHUNK):
            output(piece)
        return await process.wait()
    finally:
        process.stdin.close()
        await asyncio.shield(process.wait())
