"""How long a warm service takes: to a job's first line, and from a change to the return of `wait`."""

from __future__ import annotations

import statistics
import subprocess
import time

from measure import ms, once, seconds, show

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig

TIMES = 40


def by_subprocess() -> None:
    """Run the command and read its first line."""
    with subprocess.Popen(["sh", "-c", "echo first"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"first\n"


def by_job() -> None:
    """Submit the same command and ask until its first line is there."""
    job_id = job.submit(JobConfig(entrypoint="echo first"))
    while job.get_logs(id=job_id) != "first\n":
        pass


def noop() -> None:
    """Submit a job that does nothing, and wait for its end."""
    job.wait(id=job.submit(JobConfig(entrypoint="true")))


def change_to_wait() -> float:
    """Return how long after the run's last instruction `wait` returns, in seconds."""
    job_id = job.submit(JobConfig(entrypoint="sleep 0.2; date +%s.%N"))
    job.wait(id=job_id)
    returned = time.time()
    return returned - float(job.get_logs(id=job_id))


if __name__ == "__main__":
    noop()
    alternately = [(once(by_subprocess), once(by_job)) for _ in range(TIMES)]
    plain, ours = (statistics.median(pair[i] for pair in alternately) for i in (0, 1))
    show("submit -> first line in get_logs, beyond subprocess", ms(ours - plain), "< 30 ms",
         f"(job {ms(ours)}, subprocess {ms(plain)})")  # fmt: skip
    show(
        "state change -> wait returns", ms(statistics.median(change_to_wait() for _ in range(15))), "< 50 ms"
    )
    show("no-op job, submit -> finished", ms(seconds(noop, TIMES)), "-")
