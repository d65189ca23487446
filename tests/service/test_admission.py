"""What starts with a transaction: the same as if all that waits were looked at each time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, update

from jobs_jupyter import job
from jobs_jupyter.job.models import (
    ComputeConfig,
    HeadNodeConfig,
    JobConfig,
    JobQueueConfig,
    JobQueueExecutionMode,
    JobQueueSpec,
    RequiredResources,
)
from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.resources import Capacity, Demand
from jobs_jupyter.service.scheduler import Waiting, plan
from jobs_jupyter.service.store import changes, job_queues, line, runs
from jobs_jupyter.service.store.admission import Admission, Decision
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.leases import demand_of, leases
from jobs_jupyter.service.store.records import require
from jobs_jupyter.service.store.schema import jobs, queues
from jobs_jupyter.service.store.schema import runs as run_rows
from tests.jobs import ended, eventually, running

MIB = 2**20
CAPACITY = Capacity((0, 1, 2), 100 * MIB, (0, 1))
MODES = tuple(JobQueueExecutionMode)


class SteppedClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = 1_000_000 * SECOND

    def now(self) -> int:
        self.time += 1
        return self.time


class World:
    """A database with its admission, and the model beside it, which reads everything."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SteppedClock()
        self.admission = Admission(CAPACITY, "boot", self.clock)  # type: ignore[arg-type]
        self.made: set[int] = set()
        self.clusters: dict[str, tuple[str, int]] = {}
        self.numbers = iter(range(1_000_000))
        database.at_commit(self.decide, self.admission.forget, lambda *_: None)

    def decide(self, connection: Connection) -> Decision | None:
        """Ask the admission, and look that it does what looking at everything would have said."""
        expected = self.by_looking_at_all(connection)
        decided = self.admission(connection)
        launches = decided.launches if decided else ()
        assert {launch.job_id for launch in launches} == expected
        self.check_leases(connection)
        for launch in launches:
            if launch.queue_id:
                self.clusters[launch.run] = (launch.queue_id, launch.cluster)
        self.check_clusters(connection)
        return decided

    def by_looking_at_all(self, connection: Connection) -> set[str]:
        rows = connection.execute(select(jobs).where(jobs.c.due_at.is_not(None))).all()
        waiting = [
            Waiting(r.id, r.due_at, r.queue_id, r.rank, r.turn, r.state == "RUNNING", demand_of(r))
            for r in rows
        ]
        lines = {row.id: line.as_seen(connection, row) for row in connection.execute(select(queues))}
        free = leases(connection).free
        return {j.job_id for j in plan(waiting, lines, free, CAPACITY.total, self.clock.time).start}

    def check_clusters(self, connection: Connection) -> None:
        """All runs of a queue that are alive at once are in one cluster."""
        alive = connection.execute(
            select(run_rows.c.name).where(run_rows.c.state.in_(["STARTING", "RUNNING"]))
        ).scalars()
        of_queue: dict[str, set[int]] = {}
        for name in alive:
            if name in self.clusters:
                queue_id, cluster = self.clusters[name]
                of_queue.setdefault(queue_id, set()).add(cluster)
        assert all(len(numbers) == 1 for numbers in of_queue.values())

    def check_leases(self, connection: Connection) -> None:
        alive = connection.execute(
            select(run_rows).where(run_rows.c.state.in_(["STARTING", "RUNNING"]))
        ).all()
        for column in ("cpu_list", "gpu_list"):
            given = [index for row in alive for index in (getattr(row, column) or "").split(",") if index]
            assert len(given) == len(set(given)), "one index is leased twice"
        free = leases(connection).free
        assert min(free.cpus, free.memory, free.gpus) >= 0

    async def change(self, what: Any, *args: Any) -> Any:
        return await self.database.write(what, *args, self.clock.now())

    async def submit(self, queue: int | None, priority: int | None, demand: Demand | None, runs: int) -> None:
        """Submit a job; the memory that it asks for is counted in MiB."""
        compute = None
        if demand is not None:
            asked = {"CPU": demand.cpus, "memory": demand.memory * MIB, "GPU": demand.gpus}
            compute = ComputeConfig.from_dict({"min_resources": asked})
        config = JobConfig(entrypoint="true", max_retries=runs - 1, compute_config=compute)
        if queue is not None:
            spec = JobQueueSpec(
                idle_timeout_s=5,
                name=f"q{queue}",
                execution_mode=MODES[queue],
                max_concurrency=queue + 1,
                auto_termination_threshold_job_count=3 if queue == 1 else None,
            )
            made = JobQueueConfig(job_queue_spec=spec, priority=priority)
            joined = JobQueueConfig(target_job_queue_name=f"q{queue}", priority=priority)
            config = config.options(job_queue_config=joined if queue in self.made else made)
            self.made.add(queue)
        number = f"job-{next(self.numbers)}"
        await self.change(
            changes.add_job,
            changes.NewJob(number, "n", "default", "local", "me", config, None, None),
        )

    async def living(self, state: str) -> list[str]:
        def names(connection: Connection) -> list[str]:
            query = select(run_rows.c.name).where(run_rows.c.state == state).order_by(run_rows.c.created_at)
            return list(connection.execute(query).scalars())

        return await self.database.read(names)

    async def waiting(self) -> list[str]:
        def ids(connection: Connection) -> list[str]:
            return list(connection.execute(select(jobs.c.id).where(jobs.c.due_at.is_not(None))).scalars())

        return await self.database.read(ids)


demands = st.one_of(
    st.none(), st.builds(Demand, st.integers(1, 3), st.sampled_from([1, 30, 70, 100]), st.integers(0, 2))
)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("submit"),
            st.sampled_from([None, 0, 1, 2]),
            st.one_of(st.none(), st.integers(0, 2)),
            demands,
            st.integers(1, 2),
        ),
        st.tuples(st.just("start"), st.integers(0, 9)),
        st.tuples(st.just("end"), st.integers(0, 9), st.booleans()),
        st.tuples(st.just("stop"), st.integers(0, 9)),
        st.tuples(st.just("time"), st.integers(1, 40)),
        st.tuples(st.just("limit"), st.integers(0, 2), st.integers(1, 3)),
        st.tuples(st.just("forget")),
    ),
    max_size=40,
)


@contextmanager
def world() -> Iterator[World]:
    with TemporaryDirectory() as folder:
        database = Database(Path(folder, "jobs.db"), CAPACITY)
        try:
            yield World(database)
        finally:
            database.close()


async def carry_out(world: World, done: list[Any]) -> None:
    for name, *details in done:
        if name == "submit":
            await world.submit(*details)
        elif name == "time":
            world.clock.time += details[0] * SECOND
            await world.change(line.due)
        elif name == "forget":
            world.admission.forget()
        elif name == "limit":
            await limit(world, *details)
        elif name == "stop" and (ids := await world.waiting()):
            await world.change(changes.request_stop, ids[details[0] % len(ids)])
        elif name in ("start", "end") and (
            names := await world.living("STARTING" if name == "start" else "RUNNING")
        ):
            run = names[details[0] % len(names)]
            if name == "start":
                await world.change(runs.run_started, run)
            else:
                await world.change(runs.end_run, run, Outcome("exit", int(details[1])))


async def limit(world: World, queue: int, places: int) -> None:
    def ids(connection: Connection) -> list[str]:
        return list(connection.execute(select(queues.c.id).where(queues.c.name == f"q{queue}")).scalars())

    for queue_id in await world.database.read(ids):
        await world.change(job_queues.change, queue_id, {"max_concurrency": places})


ALL, HALF = Demand(3, 100, 0), Demand(1, 30, 0)
A_RETRY_THAT_WILL_NOT_BE = [
    ("submit", None, None, ALL, 2),
    ("start", 0),
    ("end", 0, True),
    ("submit", None, None, ALL, 1),
    ("time", 5),
    ("submit", None, None, ALL, 1),
    ("start", 0),
    ("stop", 0),
    ("end", 0, False),
    ("start", 0),
    ("end", 0, False),
]


@settings(max_examples=80)
@example(A_RETRY_THAT_WILL_NOT_BE)
@example([*A_RETRY_THAT_WILL_NOT_BE[:6], ("stop", 1), *A_RETRY_THAT_WILL_NOT_BE[6:]])
@example([("submit", 1, None, None, 1)] * 5 + [("limit", 1, 3)] + [("start", 0), ("end", 0, False)] * 5)
@given(steps)
def test_what_starts_is_what_looking_at_all_would_start(done: list[Any]) -> None:
    with world() as made:
        asyncio.run(carry_out(made, done))


def test_more_than_can_be_looked_at_at_once() -> None:
    """A hundred jobs that ask for nothing, without a queue: those behind the first ones start as well."""

    async def submit(made: World) -> int:
        made.database.at_commit(made.admission, made.admission.forget, lambda *_: None)
        blocking = Demand(3, 1, 0)
        await made.submit(None, None, blocking, 1)
        for _ in range(100):
            config = JobConfig(entrypoint="true", max_retries=0)
            number = f"job-{next(made.numbers)}"
            new = changes.NewJob(number, "n", "default", "local", "me", config, None, None)
            await made.change(changes.add_job, new)
        (first,) = await made.living("STARTING")
        await made.change(runs.run_started, first)
        await made.change(runs.end_run, first, Outcome("exit", 0))
        ended = 0
        while names := await made.living("STARTING"):
            for name in names:
                await made.change(runs.run_started, name)
                await made.change(runs.end_run, name, Outcome("exit", 0))
                ended += 1
        return ended

    with world() as made:
        assert asyncio.run(submit(made)) == 100


def test_nobody_is_hidden_behind_many_who_do_not_fit() -> None:
    async def submit(made: World) -> tuple[list[str], list[str]]:
        await made.submit(None, None, Demand(2, 1, 0), 1)
        await made.change(runs.run_started, (await made.living("STARTING"))[0])
        for _ in range(70):
            await made.submit(None, None, Demand(3, 1, 0), 1)
        small = await made.living("STARTING")
        await made.submit(None, None, Demand(1, 1, 0), 1)
        return small, await made.living("STARTING")

    with world() as made:
        before, after = asyncio.run(submit(made))
    assert before == []
    assert len(after) == 1


def test_a_job_whose_config_can_not_be_read_holds_nobody_up() -> None:
    async def submit(made: World) -> Any:
        await made.submit(None, None, ALL, 1)
        await made.submit(None, None, HALF, 1)
        await made.submit(None, None, HALF, 1)
        damaged = (await made.waiting())[0]

        def damage(connection: Connection, _: int) -> None:
            connection.execute(update(jobs).where(jobs.c.id == damaged).values(config='{"of": "the future"}'))

        await made.change(damage)
        made.database.at_commit(made.admission, made.admission.forget, lambda *_: None)
        (first,) = await made.living("STARTING")
        await made.change(runs.run_started, first)
        await made.change(runs.end_run, first, Outcome("exit", 0))
        await made.change(line.due)
        row = await made.database.read(require, damaged)
        return row.state, row.reason, len(await made.living("STARTING"))

    with world() as made:
        state, reason, started = asyncio.run(submit(made))
    assert (state, started) == ("FAILED", 1)
    assert "config can't be read" in reason


def test_a_run_began_when_its_shim_saw_it_not_when_that_was_written_down() -> None:
    async def late(made: World) -> int | None:
        await made.submit(None, None, None, 1)
        (run,) = await made.living("STARTING")
        began = made.clock.now()
        made.clock.time += 3 * SECOND
        await made.change(runs.run_started, run)
        await made.change(runs.end_run, run, Outcome("exit", 0, started_at=began, ended_at=began + SECOND))
        row = await made.database.read(runs.run_row, run)
        assert row is not None
        return int(row.ended_at - row.started_at)

    with world() as made:
        assert asyncio.run(late(made)) == SECOND


# --- on a running service --------------------------------------------------------------------------


def asks(cpus: int = 1, memory: str = "64Mi", gpus: int | None = None) -> ComputeConfig:
    wanted = RequiredResources(CPU=cpus, memory=memory, GPU=gpus)
    return ComputeConfig(head_node=HeadNodeConfig(required_resources=wanted))


def held(go: Path, say: str = "", **fields: Any) -> str:
    entrypoint = f"{say}\nwhile [ ! -e {go} ]; do sleep 0.02; done"
    return job.submit(JobConfig(entrypoint=entrypoint, max_retries=0, **fields))


def test_jobs_wait_for_resources_and_say_so(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"CPUS": "4", "GPUS": "[2, 5, 7]", "MEMORY": "1Gi"}.items():
        monkeypatch.setenv(f"JOBS_JUPYTER_{name}", value)
    one, two = tmp_path / "one", tmp_path / "two"
    say = "echo gpus $CUDA_VISIBLE_DEVICES threads $OMP_NUM_THREADS"
    first = running(held(one, say, compute_config=asks(2, gpus=2)))
    second = held(two, say, compute_config=asks(1, gpus=2))
    assert job.status(id=second).reason == "needs 2 GPUs, 1 is free"
    third = running(held(two, say, compute_config=asks(1, gpus=1)))  # fits, and passes for a while
    assert eventually(lambda: job.get_logs(id=first)) == "gpus 2,5 threads 2\n"
    assert eventually(lambda: job.get_logs(id=third)) == "gpus 7 threads 1\n"
    plain = running(held(two, say))  # asks for nothing and counts as one CPU, the last
    assert eventually(lambda: job.get_logs(id=plain)) == "gpus threads\n"
    fifth = held(two)
    assert job.status(id=fifth).reason == "needs 1 CPU, none are free"
    queue = JobQueueConfig(job_queue_spec=JobQueueSpec(name="line", idle_timeout_s=60))
    in_line = running(held(two, job_queue_config=queue))  # only max_concurrency limits these
    too_much = held(two, compute_config=asks(1, memory="900Mi"))
    assert "needs 1 CPU" in str(job.status(id=too_much).reason)
    one.touch()
    assert ended(first).state == "SUCCEEDED"
    running(second)
    assert eventually(lambda: job.get_logs(id=second)) == "gpus 2,5 threads 1\n"
    running(fifth)
    assert job.status(id=too_much).reason == "needs 1 CPU, none are free"
    two.touch()
    for each in (second, third, plain, fifth, in_line, too_much):
        assert ended(each).state == "SUCCEEDED"
    for asked, said in (
        (asks(5), "CPU=5, where jobs have 4"),
        (asks(1, "2Gi"), "memory=2.0 GiB, where jobs have 1.0 GiB"),
        (asks(1, gpus=4), "GPU=4, where jobs have 3"),
    ):
        with pytest.raises(UnsupportedError, match=said):
            job.submit(JobConfig(entrypoint="true", compute_config=asked))


@pytest.mark.parametrize(("default_cpus", "at_once"), [(None, 3), ("2", 1)])
def test_jobs_that_ask_for_nothing_do_not_swamp_the_machine(
    default_cpus: str | None, at_once: int, service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_CPUS", "3")
    if default_cpus is not None:
        monkeypatch.setenv("JOBS_JUPYTER_DEFAULT_CPUS", default_cpus)
    go, last = tmp_path / "go", tmp_path / "last"
    for job_id in (started := [held(go) for _ in range(at_once)]):
        running(job_id)
    waiting = held(last)
    said = {3: "needs 1 CPU, none are free", 1: "needs 2 CPUs, 1 is free"}
    assert job.status(id=waiting).reason == said[at_once]
    spec = JobQueueSpec(name="line", idle_timeout_s=60, max_concurrency=5)
    queued = [held(last, job_queue_config=JobQueueConfig(job_queue_spec=spec)) for _ in range(6)]
    for job_id in queued[:5]:  # those in a queue are limited by its places alone
        running(job_id)
    assert job.status(id=queued[5]).reason == "queued: 1st in line"
    assert job.status(id=waiting).reason == said[at_once]
    go.touch()
    running(waiting)
    last.touch()
    for job_id in (*started, waiting, *queued):
        assert ended(job_id).state == "SUCCEEDED"
