"""A time by which all that a call does has to be over: finding the service, starting it, asking it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

LEAST_S = 0.001  # a timeout of 0 would mean that there is none

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextlib.contextmanager
def until(moment: float) -> Iterator[None]:
    """Let all that is done within end by this moment (of time.monotonic)."""
    token = _deadline.set(moment)
    try:
        yield
    finally:
        _deadline.reset(token)


def at_most(seconds: float) -> float:
    """Return how long one step may take: so many seconds, or less where the deadline comes first."""
    moment = _deadline.get()
    return seconds if moment is None else max(LEAST_S, min(seconds, moment - time.monotonic()))


def is_over() -> bool:
    """Tell whether the deadline has come."""
    moment = _deadline.get()
    return moment is not None and time.monotonic() >= moment
