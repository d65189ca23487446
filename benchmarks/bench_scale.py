"""Ten thousand jobs: how soon the next one starts, how soon a new service answers; a hundred watchers."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import signal
import statistics
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import fill
from measure import ms, show

from jobs_jupyter import job, job_queue
from jobs_jupyter.client import service
from jobs_jupyter.job.models import JobStatus
from jobs_jupyter.models.paths import StatePaths

QUEUES, WAITING = 100, 10_000
RUNNING, WATCHERS, CHANGES = 50, 100, 20


def queue(n: int) -> dict[str, Any]:
    return {
        "id": f"jobqueue_{n:026}", "name": f"queue-{n}", "project": "default", "digest": "", "spec": "{}",
        "execution_mode": "FIFO", "max_concurrency": 1, "idle_timeout_s": 60, "state": "ACTIVE",
        "creator_id": getpass.getuser(), "created_at": fill.BEGAN, "cluster_jobs": 0, "clusters": 0,
    }  # fmt: skip


def waiting(n: int) -> dict[str, Any]:
    """A job that waits in its queue. Those of the first queue do nothing, those of the others stay."""
    entrypoint = "true" if n % QUEUES == 0 else "sleep 600"
    return {
        **fill.ended_job(n, getpass.getuser()),
        "state": "STARTING",
        "config": json.dumps({"entrypoint": entrypoint, "max_retries": 0}),
        "tags": "{}",
        "exit_code": None,
        "started_at": None,
        "ended_at": None,
        "queue_id": queue(n % QUEUES)["id"],
        "due_at": fill.at(n),
        "cpus": 0,
    }


def prepare(home: Path) -> None:
    """Write queues and jobs as a service that was killed leaves them."""
    path = fill.make(home)
    fill.insert(path, "queues", map(queue, range(QUEUES)))
    fill.insert(path, "jobs", map(waiting, range(WAITING)))
    environment = json.dumps(dict(os.environ))
    for n in range(WAITING):
        kept = StatePaths(home).job(fill.job_id(n)).environment
        kept.parent.mkdir(parents=True)
        kept.write_text(environment)


def gap(before: JobStatus, after: JobStatus) -> float:
    """Return how long a place was free: from the one's end to the other's start, in seconds."""
    assert before.runs[-1].ended_at
    assert after.runs[0].created_at
    return (after.runs[0].created_at - before.runs[-1].ended_at).total_seconds()


def starts() -> None:
    """How long a place stays free while 10,000 jobs wait."""
    ids = [fill.job_id(n) for n in range(0, WAITING, QUEUES)]
    job.wait(id=ids[-1], timeout_s=300)
    done = [job.status(id=each) for each in ids]
    gaps = [gap(*pair) for pair in pairwise(done)]
    figure, slow = ms(statistics.median(gaps)), ms(sorted(gaps)[int(len(gaps) * 0.95)])
    show("a place falls free -> the next start is decided", figure, "< 5 ms",
         f"(95 %: {slow}; {WAITING:,} jobs in {QUEUES} queues)")  # fmt: skip


def restart(home: Path) -> None:
    """How long a service takes that has 10,000 jobs and finds runs again."""
    for n in range(1 + RUNNING, QUEUES):
        job_queue.terminate(name=f"queue-{n}")
    while len(list(job.list(state_filter=["RUNNING"]))) > RUNNING:
        time.sleep(0.1)
    before = {each.id: each.runs[-1].started_at for each in job.list(state_filter=["RUNNING"])}
    pid = json.loads(StatePaths(home).service_info.read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    began = time.perf_counter()
    service.ensure()
    total = len(list(job.list(max_items=1)))
    answered = time.perf_counter() - began
    after = {each.id: each.runs[-1].started_at for each in job.list(state_filter=["RUNNING"])}
    assert total
    assert before == after
    show("kill -9 of the service -> the next one has answered", f"{answered:.2f} s", "< 1 s",
         f"({WAITING:,} jobs, {len(after)} running, all found again)")  # fmt: skip


async def watch(home: Path, ready: asyncio.Event, delays: list[float]) -> None:
    """Read the feed and note how long after each change it came."""
    reader, writer = await asyncio.open_unix_connection(StatePaths(home).socket)
    writer.write(b"GET /v1/events HTTP/1.1\r\nHost: jobs\r\n\r\n")
    while not (await reader.readline()).startswith(b": after"):
        pass
    ready.set()
    while len(delays) < CHANGES and (line := await reader.readline()):
        if line.startswith(b"data: "):
            at = datetime.fromisoformat(json.loads(line[6:])["at"]).timestamp()
            delays.append(time.time() - at)
    writer.close()


async def watched(home: Path) -> list[list[float]]:
    """Return what each of a hundred watchers noted while jobs were tagged."""
    noted: list[list[float]] = [[] for _ in range(WATCHERS)]
    ready = [asyncio.Event() for _ in range(WATCHERS)]
    tasks = [asyncio.create_task(watch(home, *each)) for each in zip(ready, noted, strict=True)]
    for event in ready:
        await event.wait()
    for n in range(CHANGES):
        await asyncio.to_thread(job.add_tags, job_id=fill.job_id(0), tags={"n": str(n)})
        await asyncio.sleep(0.05)
    async with asyncio.timeout(30):
        await asyncio.gather(*tasks)
    return noted


def feed(home: Path) -> None:
    """How long a change takes to reach the last of a hundred watchers."""
    noted = asyncio.run(watched(home))
    last = [max(each[n] for each in noted) for n in range(CHANGES)]
    show(f"a change -> all of {WATCHERS} watchers", ms(statistics.median(last)), "< 100 ms",
         f"(the slowest of {CHANGES} changes: {ms(max(last))})")  # fmt: skip


if __name__ == "__main__":
    home = Path(os.environ["JOBS_JUPYTER_HOME"])
    prepare(home)
    starts()
    restart(home)
    feed(home)
    for n in range(QUEUES):
        job_queue.terminate(name=f"queue-{n}")
