"""What an idle service costs: memory, processor time and wake-ups, over ten seconds."""

from __future__ import annotations

import time

import psutil
from measure import show

from jobs_jupyter import job
from jobs_jupyter.client import service
from jobs_jupyter.job.models import JobConfig

SECONDS = 10


def switches(process: psutil.Process) -> int:
    """Return how often the process's threads have been woken."""
    return sum(
        int(line.split()[1])
        for task in process.threads()
        for line in open(f"/proc/{process.pid}/task/{task.id}/status")
        if line.startswith("voluntary_ctxt_switches")
    )


if __name__ == "__main__":
    job.wait(id=job.submit(JobConfig(entrypoint="true")))
    known = service.ask(service.ensure())
    assert known is not None
    main = psutil.Process(known["pid"])
    both = [main, *main.children()]
    time.sleep(6)  # until the client's connection has gone
    before = sum(map(switches, both)), sum(sum(p.cpu_times()[:2]) for p in both)
    time.sleep(SECONDS)
    after = sum(map(switches, both)), sum(sum(p.cpu_times()[:2]) for p in both)
    memory = sum(p.memory_full_info().pss for p in both) / 1e6
    show("idle service, memory (PSS)", f"{memory:.0f} MB", "< 70 MB")
    show("idle service, processor", f"{(after[1] - before[1]) / SECONDS:.1%}", "0%")
    show("idle service, wake-ups", f"{(after[0] - before[0]) / SECONDS:.1f}/s", "<= 1/s")
