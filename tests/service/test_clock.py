"""The service's time: it never goes back, and never stands still."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.service.clock import MOST_AHEAD_S, SECOND, Clock

NOW = 1_800_000_000.0


class Machine:
    """Two clocks, of which somebody sets the first."""

    def __init__(self) -> None:
        self.time = NOW
        self.steady = 5.0

    def wait(self, seconds: float) -> None:
        self.time += seconds
        self.steady += seconds

    def clock(self, after: int = 0) -> Clock:
        return Clock(after, lambda: self.time, lambda: self.steady)


def test_a_clock_that_is_set_back_changes_no_duration() -> None:
    machine = Machine()
    clock = machine.clock()
    before = clock.now()
    assert before == NOW * SECOND
    machine.time -= 86400
    machine.wait(60)
    assert abs(clock.now() - before - 60 * SECOND) < 10


def test_a_clock_that_is_set_forward_is_followed() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.now()
    machine.time += 86400
    assert clock.now() == machine.time * SECOND


@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(0, 100)), max_size=20))
def test_it_only_grows_and_at_least_as_fast_as_time_passes(steps: list[tuple[float, float]]) -> None:
    machine = Machine()
    clock = machine.clock()
    seen = [clock.now()]
    for jump, seconds in steps:
        machine.time += jump
        machine.wait(seconds)
        seen.append(clock.now())
        assert seen[-1] - seen[-2] >= int(seconds * SECOND) - 1
    assert all(one < other for one, other in pairwise(seen))


def test_a_new_service_goes_on_from_the_last_ones_time() -> None:
    machine = Machine()
    a_little_ahead = int((NOW + 600) * SECOND)
    assert machine.clock(a_little_ahead).now() > a_little_ahead
    assert machine.clock(int((NOW + MOST_AHEAD_S + 1) * SECOND)).now() == NOW * SECOND
    assert machine.clock(int((NOW - 600) * SECOND)).now() == NOW * SECOND
