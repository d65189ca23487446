"""One round: a service is killed again and again while it has work; then it is judged.

As a program: `python -m tests.service.crashes.round SECONDS SEED`, which prints the round as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs_jupyter import job, job_queue
from jobs_jupyter.client import isolation
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.models.paths import HOME_VARIABLE
from tests.conftest import left_over
from tests.service.crashes.killer import Killer
from tests.service.crashes.verdict import Verdict
from tests.service.crashes.workload import PATIENCE_S, Workload, insisted

EARLY = Path(__file__).parent / "early"
LOOK_EVERY_S = 0.1


@dataclass
class Round:
    """What came of one round: sentences about what is wrong, kills by point, jobs by state."""

    problems: list[str]
    kills: Counter[str]
    jobs: Counter[str]


def environment(home: Path, before: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a process that has the service of this state directory killed.

    It has to start the service without the flags of `isolation`.
    """
    path = [str(EARLY), *filter(None, [before.get("PYTHONPATH")])]
    return {
        HOME_VARIABLE: str(home),
        "PYTHONPATH": os.pathsep.join(path),
        "JOBS_JUPYTER_CPUS": "8",  # so that some wait and some don't; who is there need not be
    }


def play(home: Path, seconds: float, seed: int) -> Round:
    """Kill the service of `home` for so many seconds while it has work, then look at what is left.

    The process has the variables of `environment`; the directory around `home` is the round's own.
    """
    chance = random.Random(seed)
    workload = Workload(home.parent, random.Random(chance.randrange(2**32)))
    killer = Killer(home, random.Random(chance.randrange(2**32)))
    workload.begin()
    killer.run(time.monotonic() + seconds)
    workload.end()
    problems = [*_settle(), *workload.stop_listening()]
    verdict = Verdict(home, workload, killer.lost)
    problems += verdict.problems()
    client.reconnect()
    client_service.stop()
    mine = f"{os.getpid()}: "
    problems += (f"left over: {process}" for process in left_over(home) if not process.startswith(mine))
    return Round(problems, killer.kills, verdict.outcomes)


def _settle() -> list[str]:
    """Wait until every job has ended and every cluster is down; says which have not, and why."""
    deadline = time.monotonic() + PATIENCE_S
    while (left := insisted(_unfinished)) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return left or []


def _unfinished() -> list[str]:
    active = job.list(state_filter=["STARTING", "RUNNING"])
    up = [queue.name for queue in job_queue.list(include_archived=True) if queue.cluster_is_up]
    return [
        *(f"{status.id} is still {status.state}: {status.reason}" for status in active),
        *(f"the cluster of the queue {name} is still up" for name in up),
    ]


if __name__ == "__main__":
    isolation.FLAGS = ()  # else a service would not look at PYTHONPATH
    json.dump(vars(play(Path(os.environ[HOME_VARIABLE]), float(sys.argv[1]), int(sys.argv[2]))), sys.stdout)
