"""Small jobs for tests: submit one, wait for what becomes of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig, JobStatus
from jobs_jupyter.models.errors import JobStateError

T = TypeVar("T")
WITHIN_S = 20.0
MORTAL = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.getuid() == 0 else []
"""Goes before a command: file modes count for it as they do for everybody but root."""


def submit(entrypoint: str, **fields: Any) -> str:
    """Submit a job that is not retried unless asked to, and return its id."""
    return job.submit(JobConfig(entrypoint=entrypoint, **{"max_retries": 0, **fields}))


def ended(job_id: str) -> JobStatus:
    """Wait until the job is terminal, in whatever state, and return its status."""
    with contextlib.suppress(JobStateError):
        job.wait(id=job_id, timeout_s=WITHIN_S)
    return job.status(id=job_id)


def run(entrypoint: str, **fields: Any) -> JobStatus:
    """Submit a job and wait for its end."""
    return ended(submit(entrypoint, **fields))


def output(entrypoint: str, **fields: Any) -> str:
    """Return what a job writes, which has to succeed."""
    status = run(entrypoint, **fields)
    log = job.get_logs(id=status.id)
    assert status.state == "SUCCEEDED", f"{status.reason}\n{log}"
    return log


def running(job_id: str) -> str:
    """Wait until the job runs, and return its id."""
    job.wait(id=job_id, state="RUNNING", timeout_s=WITHIN_S)
    return job_id


def eventually(look: Callable[[], T | None], within_s: float = WITHIN_S) -> T:
    """Return the first truthy answer of `look`; for what nothing announces."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {look}"
        time.sleep(0.02)
    return found


def python(
    code: str, *, prefix: list[str] | None = None, cwd: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own, with these variables on top of this one's."""
    return subprocess.run(
        [*(prefix or []), sys.executable, "-c", code],
        env={**os.environ, **variables},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
