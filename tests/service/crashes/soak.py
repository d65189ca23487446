"""Rounds of a service being killed at work: `python -m tests.service.crashes.soak`.

SOAK_S is for how many seconds (3600), CRASH_SEED is what all chance comes from. Prints a line a
round, which takes about a minute. When something is found, it says so, keeps the state directory
and exits with 1.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.conftest import stop_everything
from tests.service.crashes.early import crash_points
from tests.service.crashes.round import Round, environment

ROUND_S = 40.0
SHOWN = 20
INTERRUPTED = 130


def main() -> int:
    """Play rounds for SOAK_S seconds."""
    seconds = float(os.environ.get("SOAK_S", "3600"))
    seed = int(os.environ.get("CRASH_SEED", random.randrange(2**32)))
    print(f"CRASH_SEED={seed}", flush=True)
    kills, jobs, until = Counter[str](), Counter[str](), time.monotonic() + seconds
    number = 0
    try:
        while (left := until - time.monotonic()) > 0:
            # In /tmp whatever TMPDIR says: a Unix socket's path has room for about a hundred bytes.
            folder = Path(tempfile.mkdtemp(prefix="jj-crash-", dir="/tmp"))
            came = play(folder / "home", min(ROUND_S, left), seed + number)
            number += 1
            kills += came.kills
            jobs += came.jobs
            print(f"round {number}: {came.kills.total()} kills; jobs: {dict(came.jobs)}", flush=True)
            if came.problems:
                print(f"found, kept in {folder}:", *came.problems[:SHOWN], sep="\n  ", flush=True)
                return 1
            shutil.rmtree(folder)
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        summarise(kills, jobs)
    return 0


def play(home: Path, seconds: float, seed: int) -> Round:
    """Play a round in a process of its own; an interrupted one is cleared away."""
    arguments = [sys.executable, "-m", "tests.service.crashes.round", str(seconds), str(seed)]
    variables = {**os.environ, **environment(home, os.environ)}
    try:
        done = subprocess.run(arguments, env=variables, stdout=subprocess.PIPE, check=True)
    except KeyboardInterrupt:
        crash_points.plan_of(home).unlink(missing_ok=True)
        os.environ.update(variables)
        stop_everything()
        shutil.rmtree(home.parent)
        raise
    told = json.loads(done.stdout)
    return Round(told["problems"], Counter(told["kills"]), Counter(told["jobs"]))


def summarise(kills: Counter[str], jobs: Counter[str]) -> None:
    """Print the kills by point, the points without any, and the jobs by state."""
    print(f"{kills.total()} kills:", *(f"{n:6} {name}" for name, n in sorted(kills.items())), sep="\n  ")
    never = [name for name in crash_points.names() if not kills[name]]
    print("never killed at:", *(never or ["none"]), sep="\n  ")
    print(f"jobs: {dict(jobs)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
