"""What starts next, against a model that is plainly right: one decision at a time, by looking at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.resources import NOTHING, Demand
from jobs_jupyter.service.scheduler import HOLD_AFTER_S, Queue, Waiting, plan, turn_of

NOW = 1000 * SECOND
LONG_AGO = NOW - HOLD_AFTER_S * SECOND
QUEUES = ("a", "b")
MACHINE = Demand(4, 100, 2)

demands = st.one_of(
    st.just(NOTHING), st.builds(Demand, st.integers(1, 5), st.integers(0, 120), st.integers(0, 3))
)
jobs = st.lists(
    st.builds(
        Waiting,
        job_id=st.uuids().map(str),
        due_at=st.integers(990, 1010).map(lambda s: s * SECOND),
        queue_id=st.sampled_from([None, *QUEUES]),
        rank=st.integers(-1, 1),
        turn=st.integers(0, 9),
        has_place=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda job: job.job_id,
)
lines = st.fixed_dictionaries(
    {
        name: st.builds(
            Queue,
            max_concurrency=st.integers(1, 4),
            taken=st.integers(0, 5),
            left=st.one_of(st.none(), st.integers(0, 4)),
        )
        for name in QUEUES
    }
)
free_ones = st.builds(Demand, st.integers(0, 4), st.integers(0, 100), st.integers(0, 2))


def turn(job: Waiting) -> tuple[int, int, str]:
    return job.rank, job.turn, job.job_id


def in_line(job: Waiting) -> bool:
    return job.queue_id is not None and not job.has_place


def by_looking_at_all(
    waiting: list[Waiting], queues: dict[str, Queue], free: Demand, now: int
) -> tuple[set[str], Demand]:
    """Start one job after the other, each time the one that waits longest of those that may start.

    Returns who started, and what is left. For jobs of which none waits for longer than the patience.
    """
    left = [job for job in waiting if job.due_at <= now]
    taken = {name: queue.taken for name, queue in queues.items()}
    started: set[str] = set()

    def ahead(job: Waiting) -> list[Waiting]:
        return [o for o in left if in_line(o) and o.queue_id == job.queue_id and turn(o) < turn(job)]

    def may_start(job: Waiting) -> bool:
        if in_line(job):
            assert job.queue_id is not None
            queue = queues[job.queue_id]
            begun = taken[job.queue_id] - queue.taken
            if begun == queue.left or taken[job.queue_id] >= queue.max_concurrency or ahead(job):
                return False
        return job.demand.fits(free)

    while able := [job for job in left if may_start(job)]:
        # those without a line by the time since when they could; in a line nobody before those ahead
        chosen = min(able, key=lambda job: max([job.due_at, *(w for w in went_before(waiting, job))]))
        started.add(chosen.job_id)
        free -= chosen.demand
        left.remove(chosen)
        if in_line(chosen):
            assert chosen.queue_id is not None
            taken[chosen.queue_id] += 1
    return started, free


def went_before(waiting: list[Waiting], job: Waiting) -> list[int]:
    """Since when those ahead of a job in its line have waited."""
    if not in_line(job):
        return []
    return [o.due_at for o in waiting if in_line(o) and o.queue_id == job.queue_id and turn(o) < turn(job)]


@given(jobs, lines)
def test_who_starts_where_resources_are_plenty(waiting: list[Waiting], queues: dict[str, Queue]) -> None:
    started = {job.job_id for job in plan(waiting, queues, MACHINE, MACHINE, NOW).start}
    assert started == by_looking_at_all(waiting, queues, MACHINE, NOW)[0]
    for name, queue in queues.items():
        line = [job for job in waiting if job.queue_id == name and in_line(job) and job.due_at <= NOW]
        chosen = [job for job in line if job.job_id in started]
        room = max(0, queue.max_concurrency - queue.taken)
        room = room if queue.left is None else min(room, queue.left)
        assert len(chosen) == min(room, len(line))


@given(jobs, lines, free_ones, st.data())
def test_nothing_is_given_twice_and_a_line_keeps_its_order(
    waiting: list[Waiting], queues: dict[str, Queue], free: Demand, data: st.DataObject
) -> None:
    waiting = [replace(job, demand=data.draw(demands)) for job in waiting]
    decided = plan(waiting, queues, free, MACHINE, NOW)
    left = free
    for job in decided.start:
        left -= job.demand
    assert Demand(0, 0, 0).fits(left)
    assert min(left.cpus, left.memory, left.gpus) >= 0
    started = {job.job_id for job in decided.start}
    assert max(Counter(job.job_id for job in decided.start).values(), default=1) == 1
    assert not started & {job.job_id for job in decided.short}
    for name in QUEUES:
        line = sorted((j for j in waiting if j.queue_id == name and in_line(j)), key=turn)
        went = [job.job_id in started for job in line if job.due_at <= NOW]
        assert went == sorted(went, reverse=True), "somebody in a line was passed"
    # nobody stays behind who fits and has a place, unless something is kept for one who waits for long
    if all(job.due_at > LONG_AGO for job in waiting):
        heads = [job for job in decided.short if not in_line(job)]
        assert not any(job.demand.fits(left) for job in heads)


@given(jobs, lines)
def test_it_is_known_when_to_look_again(waiting: list[Waiting], queues: dict[str, Queue]) -> None:
    decided = plan(waiting, queues, MACHINE, MACHINE, NOW)
    assert decided.look_again_at == min((j.due_at for j in waiting if j.due_at > NOW), default=None)


@given(jobs, lines, free_ones, st.data())
def test_what_is_behind_the_places_of_a_line_decides_nothing(
    waiting: list[Waiting], queues: dict[str, Queue], free: Demand, data: st.DataObject
) -> None:
    """So it is enough to read the head of each line."""
    waiting = [replace(job, demand=data.draw(demands), due_at=min(job.due_at, NOW)) for job in waiting]
    heads = [job for job in waiting if not in_line(job)]
    for name, queue in queues.items():
        line = sorted((j for j in waiting if j.queue_id == name and in_line(j)), key=turn)
        heads += line[: queue.places]
    whole, trimmed = (plan(some, queues, free, MACHINE, NOW) for some in (waiting, heads))
    assert {job.job_id for job in whole.start} == {job.job_id for job in trimmed.start}


def test_a_big_job_is_passed_for_a_while_and_then_no_more() -> None:
    small = Waiting("small", NOW, demand=Demand(1, 0, 0))
    free = Demand(2, 100, 2)
    for waits_since, starts in ((LONG_AGO + 1, ["small"]), (LONG_AGO, [])):
        big = Waiting("big", waits_since, demand=Demand(4, 0, 0))
        assert [job.job_id for job in plan([small, big], {}, free, MACHINE, NOW).start] == starts
        asks_nothing = Waiting("free", NOW)
        assert "free" in {job.job_id for job in plan([big, asks_nothing], {}, free, MACHINE, NOW).start}


def test_nothing_is_kept_for_what_this_machine_can_never_run() -> None:
    never = Waiting("never", LONG_AGO, demand=Demand(5, 0, 0))
    small = Waiting("small", NOW, demand=Demand(1, 0, 0))
    assert [job.job_id for job in plan([never, small], {}, MACHINE, MACHINE, NOW).start] == ["small"]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(1, 4))
def test_a_big_job_starts_however_many_small_ones_come(small_ones: list[int], asked: int) -> None:
    """Each second a small job comes and each runs for 5 s; the big one starts at last."""
    big = Waiting("big", NOW, demand=Demand(asked, 0, 0))
    running: dict[str, tuple[int, Demand]] = {"first": (NOW + 3 * SECOND, Demand(4, 0, 0))}
    waiting = [big]
    for second in range(HOLD_AFTER_S + 20):
        now = NOW + second * SECOND
        running = {name: run for name, run in running.items() if run[0] > now}
        waiting.append(
            Waiting(f"{second}", now, demand=Demand(small_ones[second % len(small_ones)] % 3 + 1, 0, 0))
        )
        free = MACHINE
        for _, demand in running.values():
            free -= demand
        for job in plan(waiting, {}, free, MACHINE, now).start:
            waiting.remove(job)
            running[job.job_id] = (now + 5 * SECOND, job.demand)
            if job.job_id == "big":
                return
    raise AssertionError("the big job has starved")


# --- turns ----------------------------------------------------------------------------------------


def before(one: tuple[int | None, int], other: tuple[int | None, int], mode: str) -> bool:
    """Whether `one` (priority, arrival) has to start before `other`: the rules, word by word."""
    if mode == "LIFO":
        return one[1] > other[1]
    if mode == "PRIORITY" and one[0] != other[0]:
        return other[0] is None or (one[0] is not None and one[0] < other[0])
    return one[1] < other[1]


arrivals = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3), st.just(2**63 - 1), st.just(2**63 - 2)), st.integers(0, 9)
    ),
    max_size=12,
)


@given(arrivals, st.sampled_from(["FIFO", "LIFO", "PRIORITY"]))
def test_a_line_is_in_order(arrived: list[tuple[int | None, int]], mode: str) -> None:
    ordered = sorted(arrived, key=lambda job: turn_of(mode, job[0], job[1]))
    for first, second in pairwise(ordered):
        assert not before(second, first, mode)
    for job in arrived:
        assert all(-(2**63) <= number < 2**63 for number in turn_of(mode, job[0], job[1]))
