"""Reading what a run's shim has seen the run use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs_jupyter.service.meter import EVERY_S, RECORD


def read(path: Path) -> dict[str, Any]:
    """Return `{interval_s, samples: [[seconds since the start, seconds of CPU time so far, bytes], …]}`.

    The interval grows with the run: a series stays small.
    """
    try:
        found = path.read_bytes()
    except FileNotFoundError:  # it was over before it was looked at
        found = b""
    whole = len(found) - len(found) % RECORD.size
    samples = [[round(at, 3), round(cpu, 3), memory] for at, cpu, memory in RECORD.iter_unpack(found[:whole])]
    interval = samples[-1][0] - samples[-2][0] if len(samples) > 1 else EVERY_S
    return {"interval_s": max(EVERY_S, round(interval)), "samples": samples}
