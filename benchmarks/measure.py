"""What the benchmarks share: repeating, medians, and one way to print a figure."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the median duration of `work`, in seconds."""
    return statistics.median(once(work) for _ in range(times))


def once(work: Callable[[], object]) -> float:
    """Return how long `work` takes, in seconds."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def show(what: str, figure: str, target: str, beside: str = "") -> None:
    """Print one line: what was measured, the figure, the target, and what it is compared with."""
    print(f"{what:<62} {figure:>12}   target {target:<14} {beside}".rstrip(), flush=True)


def ms(value: float) -> str:
    """Render seconds as milliseconds."""
    return f"{value * 1000:.1f} ms"
