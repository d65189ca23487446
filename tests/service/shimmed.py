"""Runs of real processes below a real shim, without a service: what a run is told, and how it ended."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.shims import Shims
from tests.jobs import eventually


def spec_of(folder: Path, command: str, **fields: Any) -> dict[str, Any]:
    """Return what a shim is told of a run in a directory of its own, without limits but those in `fields`."""
    paths = RunPaths(folder)
    environment = folder / "environment.json"
    environment.write_text(json.dumps(dict(os.environ)))
    return {
        "program": "/bin/sh",
        "argv": ["sh", "-c", command],
        "directory": str(folder),
        "environment": str(environment),
        "extra": {},
        "stdin": None,
        "log": str(paths.log),
        "claim": str(paths.claim(1)),
        "stop": str(paths.stop),
        "exit": str(paths.exit),
        "usage": str(paths.usage),
        "gap": str(paths.gap),
        "timeout_s": 60,
        "grace_s": 1.0,
        "log_max_bytes": None,
        "cpus": [],
        "memory": None,
        "cgroup": None,
        "container": None,
        **fields,
    }


def start(folder: Path, command: str, **fields: Any) -> int:
    """Start a run below a shim of its own, and return the shim's pid."""
    spec = spec_of(folder, command, **fields)

    async def fork() -> int:
        shims = Shims()
        try:
            return await shims.fork(spec)
        finally:
            shims.close()

    return asyncio.run(fork())


def ended(folder: Path) -> dict[str, Any]:
    """Return what the shim writes down of the run's end."""
    written = RunPaths(folder).exit
    eventually(written.exists)
    found: dict[str, Any] = json.loads(written.read_text())
    return found


def run(folder: Path, command: str, **fields: Any) -> dict[str, Any]:
    """Start a run and wait for its end."""
    start(folder, command, **fields)
    return ended(folder)
