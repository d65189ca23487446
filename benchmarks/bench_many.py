"""A thousand jobs at once, two at a time; and one job after the other."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from measure import ms, once, show

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec

JOBS = 1000
TIMES = 60
SUBMITTERS = 4


def noop() -> None:
    """Submit a job that does nothing, and wait for its end."""
    job.wait(id=job.submit(JobConfig(entrypoint="true")))


def a_thousand() -> float:
    """Return how many jobs a second are done, from the first submit to the last job's end."""
    queue = JobQueueConfig(job_queue_spec=JobQueueSpec(name="many", idle_timeout_s=60, max_concurrency=2))
    config = JobConfig(entrypoint="true", job_queue_config=queue)
    began = time.perf_counter()
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        ids = list(pool.map(lambda _: job.submit(config), range(JOBS)))
    submitted = time.perf_counter()
    job.wait(id=ids[-1], timeout_s=600)
    ended = time.perf_counter()
    left = [status for status in job.list(state_filter=["STARTING", "RUNNING"]) if status.id != ids[-1]]
    for status in left:  # the last but one may still be at it
        job.wait(id=status.id)
    print(f"  {JOBS / (submitted - began):.0f} submits/s; all done after {ended - began:.1f} s")
    return JOBS / (ended - began)


if __name__ == "__main__":
    noop()
    show("1,000 jobs of `true` at once, two at a time", f"{a_thousand():.0f}/s", "≥ 150/s")
    show("no-op job, submit -> finished", ms(statistics.median(once(noop) for _ in range(TIMES))), "≤ 15 ms")
