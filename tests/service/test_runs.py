"""How runs follow each other: when a retry is due, and who starts meanwhile."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import Connection, update

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.resources import Demand
from jobs_jupyter.service.scheduler import HOLD_AFTER_S
from jobs_jupyter.service.store import changes, job_queues, line, queries, queue_pages, runs
from jobs_jupyter.service.store.queue_pages import QueueListing
from jobs_jupyter.service.store.records import require
from jobs_jupyter.service.store.schema import jobs
from tests.service.test_admission import ALL, MIB, MODES, World, world

FAILED, TIMED_OUT, LOST = (
    Outcome("exit", 1),
    Outcome("timeout"),
    Outcome("lost", message="the machine restarted"),
)


async def end_one(made: World, outcome: Outcome) -> None:
    """Have the one run that has been started begin, and end so."""
    (run,) = await made.living("STARTING")
    await made.change(runs.run_started, run)
    await made.change(runs.end_run, run, outcome)


async def wait(made: World, seconds: float) -> None:
    made.clock.time += round(seconds * SECOND)
    await made.change(line.due)


@pytest.mark.parametrize("outcome", [FAILED, TIMED_OUT, LOST], ids=["failed", "timed out", "lost"])
def test_retries_follow_after_a_second_then_twice_as_long_up_to_a_minute(outcome: Outcome) -> None:
    async def delays() -> tuple[list[int], Any]:
        await made.submit(None, None, None, 10)
        waited: list[int] = []
        for _ in range(9):
            await end_one(made, outcome)
            ended_at = made.clock.time
            job = await made.database.read(require, "job-0")
            assert job.state == "RUNNING"
            waited.append(round((job.due_at - ended_at) / SECOND))
            assert f"follows after {waited[-1]} s" in job.reason
            await wait(made, waited[-1] - 0.5)
            assert await made.living("STARTING") == []
            await wait(made, 0.6)
        await end_one(made, outcome)
        return waited, await made.database.read(require, "job-0")

    with world() as made:
        waited, job = asyncio.run(delays())
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (job.state, job.due_at) == ("FAILED", None)


def test_no_run_follows_once_a_stop_was_asked_for() -> None:
    async def stopped() -> list[Any]:
        for _ in range(2):
            await made.submit(None, None, None, 5)
        running, retried = await made.living("STARTING")
        for run in (running, retried):
            await made.change(runs.run_started, run)
        await made.change(changes.request_stop, "job-0")
        await made.change(runs.end_run, running, FAILED)
        await made.change(runs.end_run, retried, FAILED)
        await made.change(changes.request_stop, "job-1")
        await wait(made, 100)
        assert await made.living("STARTING") == []
        return [(await made.database.read(require, name)).state for name in ("job-0", "job-1")]

    with world() as made:
        assert asyncio.run(stopped()) == ["TERMINATED", "TERMINATED"]


@pytest.mark.parametrize("queue", range(3), ids=[mode.value for mode in MODES])
def test_a_job_keeps_its_place_through_its_retries(queue: int) -> None:
    """However urgent those are that wait, and however new."""

    async def retried() -> None:
        places = queue + 1
        for _ in range(places):
            await made.submit(queue, 5, None, 3)
        for run in await made.living("STARTING"):
            await made.change(runs.run_started, run)
        await made.submit(queue, 0, None, 1)
        for _ in range(2):
            (first, *_) = await made.living("RUNNING")
            its_job = (await made.database.read(runs.launch_of, first)).job_id
            await made.change(runs.end_run, first, FAILED)
            assert await made.living("STARTING") == []
            await wait(made, 2.1)
            (again,) = await made.living("STARTING")
            assert (await made.database.read(runs.launch_of, again)).job_id == its_job
            await made.change(runs.run_started, again)

    with world() as made:
        asyncio.run(retried())


def test_ties_of_priority_are_broken_by_arrival() -> None:
    async def order() -> list[str]:
        for priority in (None, 7, 7, None, 7, 2, 2):
            await made.submit(2, priority, None, 1)
        await limit_to_one(made)
        started = []
        while alive := [*await made.living("STARTING"), *await made.living("RUNNING")]:
            for run in alive:
                started.append((await made.database.read(runs.launch_of, run)).job_id)
                await made.change(runs.run_started, run)
                await made.change(runs.end_run, run, Outcome("exit", 0))
        return started

    with world() as made:
        started = asyncio.run(order())
    at_once, behind = started[:3], started[3:]  # it had three places when they came
    assert at_once == ["job-0", "job-1", "job-2"]
    assert behind == ["job-5", "job-6", "job-4", "job-3"]


async def limit_to_one(made: World) -> None:
    (queue,), _ = await made.database.read(queue_pages.page, QueueListing())
    await made.change(job_queues.change, queue["id"], {"max_concurrency": 1})


def test_a_run_that_never_began_waits_no_time() -> None:
    """What a machine's restart took before the first run had a process, say."""

    async def lost() -> int:
        new = JobConfig(entrypoint="true", max_retries=1)
        await made.change(
            changes.add_job, changes.NewJob("once", "n", "default", "local", "me", new, None, None)
        )
        (run,) = await made.living("STARTING")
        await made.change(runs.end_run, run, LOST)
        return len(await made.living("STARTING"))

    with world() as made:
        assert asyncio.run(lost()) == 1


def test_a_cluster_is_not_idle_while_a_job_waits_for_resources() -> None:
    async def idle_at(seconds: float) -> list[str]:
        await wait(made, seconds)
        return await made.database.read(line.idle_clusters, made.clock.time)

    async def idle() -> list[bool]:
        await made.submit(0, None, None, 1)
        await end_one(made, Outcome("exit", 0))
        await made.submit(None, None, ALL, 1)
        (other,) = await made.living("STARTING")
        await made.change(runs.run_started, other)
        await made.submit(0, None, ALL, 1)
        found = [await idle_at(60)]  # its idle timeout is 5 s
        await made.change(runs.end_run, other, Outcome("exit", 0))
        found.append(await idle_at(60))
        await end_one(made, Outcome("exit", 0))
        found += [await idle_at(4), await idle_at(2)]
        return [bool(queues) for queues in found]

    with world() as made:
        assert asyncio.run(idle()) == [False, False, False, True]


def test_a_job_that_has_done_its_work_before_it_was_stopped_has_succeeded() -> None:
    async def done() -> list[Any]:
        await made.submit(None, None, None, 5)
        (run,) = await made.living("STARTING")
        await made.change(runs.run_started, run)
        await made.change(changes.request_stop, "job-0")
        await made.change(runs.end_run, run, Outcome("exit", 0))
        job = await made.database.read(require, "job-0")
        return [job.state, job.exit_code, job.reason]

    with world() as made:
        assert asyncio.run(done()) == ["SUCCEEDED", 0, None]


def test_why_a_job_waits_for_resources() -> None:
    """Three CPUs, 100 MiB and two GPUs are there; one of each kind, and 40 MiB, are in use.

    Some ask for more than that: when they were submitted, the machine had more.
    """
    asked = {
        Demand(3, 1, 0): "needs 3 CPUs, 2 are free",
        Demand(1, 1, 2): "needs 2 GPUs, 1 is free",
        Demand(1, 61, 0): "needs 61.0 MiB of memory, 60.0 MiB is free",
        Demand(4, 1, 0): "needs 4 CPUs, this machine has 3 CPUs for jobs",
        Demand(1, 1, 3): "needs 3 GPUs, this machine has 2 GPUs for jobs",
        Demand(1, 101, 0): "needs 101.0 MiB of memory, this machine has 100.0 MiB for jobs",
    }

    def ask(connection: Connection, job_id: str, demand: Demand, _: int) -> None:
        values = {"cpus": demand.cpus, "memory": demand.memory * MIB, "gpus": demand.gpus}
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(values))

    async def reasons() -> list[str | None]:
        await made.submit(None, None, Demand(1, 40, 1), 1)
        for number, demand in enumerate(asked, 1):
            await made.submit(None, None, Demand(3, 1, 0), 1)
            await made.change(ask, f"job-{number}", demand)
        await wait(made, HOLD_AFTER_S)
        await made.submit(None, None, Demand(1, 1, 0), 1)
        names = [f"job-{number}" for number in range(1, len(asked) + 2)]
        return [json.loads(await made.database.read(queries.by_id, name)).get("reason") for name in names]

    with world() as made:
        assert asyncio.run(reasons()) == [
            *asked.values(),
            "what is free is kept for a larger job that waits longer",
        ]
