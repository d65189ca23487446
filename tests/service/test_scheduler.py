"""What starts next, against a model that is plainly right: one decision at a time, by looking at all."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.service.scheduler import Queue, Waiting, in_order, plan

NOW = 100
QUEUES = ("a", "b")

jobs = st.lists(
    st.builds(
        Waiting,
        job_id=st.uuids().map(str),
        arrived_at=st.integers(0, 9),
        due_at=st.integers(90, 110),
        queue_id=st.sampled_from([None, *QUEUES]),
        priority=st.one_of(st.none(), st.integers(0, 3), st.just(2**63 - 1), st.just(2**63 - 2)),
        has_place=st.booleans(),
    ),
    max_size=12,
    unique_by=lambda job: job.job_id,
)
lines = st.fixed_dictionaries(
    {
        name: st.builds(
            Queue,
            mode=st.sampled_from(["FIFO", "LIFO", "PRIORITY"]),
            max_concurrency=st.integers(1, 4),
            taken=st.integers(0, 5),
            renewing=st.booleans(),
        )
        for name in QUEUES
    }
)


def before(one: Waiting, other: Waiting, mode: str) -> bool:
    """Whether `one` has to start before `other`: the rules, word by word."""
    if mode == "LIFO":
        return one.arrived_at > other.arrived_at
    if mode == "PRIORITY" and one.priority != other.priority:
        return other.priority is None or (one.priority is not None and one.priority < other.priority)
    return one.arrived_at < other.arrived_at


@given(jobs, lines)
def test_who_starts(waiting: list[Waiting], queues: dict[str, Queue]) -> None:
    started = {job.job_id for job in plan(waiting, queues, NOW).start}
    for job in waiting:
        in_line = job.queue_id is not None and not job.has_place
        if not in_line:
            assert (job.job_id in started) == (job.due_at <= NOW)
    for name, queue in queues.items():
        line = [job for job in waiting if job.queue_id == name and not job.has_place]
        chosen = [job for job in line if job.job_id in started]
        room = 0 if queue.renewing and queue.taken else max(0, queue.max_concurrency - queue.taken)
        assert len(chosen) == min(room, len(line))
        left = [job for job in line if job.job_id not in started]
        assert not any(before(late, early, queue.mode) for early in chosen for late in left)


@given(jobs, lines)
def test_nothing_starts_twice_and_it_is_known_when_to_look_again(
    waiting: list[Waiting], queues: dict[str, Queue]
) -> None:
    decided = plan(waiting, queues, NOW)
    assert max(Counter(job.job_id for job in decided.start).values(), default=1) == 1
    later = [job.due_at for job in waiting if job.due_at > NOW and (job.has_place or job.queue_id is None)]
    assert decided.look_again_at == min(later, default=None)


@given(jobs, st.sampled_from(["FIFO", "LIFO", "PRIORITY"]))
def test_a_line_is_in_order(waiting: list[Waiting], mode: str) -> None:
    ordered = in_order(waiting, mode)
    assert sorted(job.job_id for job in ordered) == sorted(job.job_id for job in waiting)
    for first, second in pairwise(ordered):
        assert not before(second, first, mode)
