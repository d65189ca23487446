"""Which of the things that are kept for a while are beyond the limits of that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jobs_jupyter.models.compute import memory_bytes
from jobs_jupyter.models.settings import EnvironmentRetention, JobRetention, PackageRetention
from jobs_jupyter.models.sizes import human
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.store.retention import Used

SPARED_S = 3600
DAY = 86400 * SECOND


@dataclass(frozen=True)
class Limits:
    """What is kept of one kind; None: no limit."""

    max_age_days: float | None
    max_bytes: int | None
    max_count: int | None = None

    @classmethod
    def of(cls, kept: JobRetention | PackageRetention | EnvironmentRetention) -> Limits:
        """Return the limits that were set."""
        most = None if kept.max_size is None else memory_bytes(kept.max_size)
        return cls(kept.max_age_days, most, getattr(kept, "max_count", None))

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self != Limits(None, None)

    def why_not(self, used_at: int, now: int, index: int, total: int) -> str | None:
        """Say why something is not kept; None where it is.

        Args:
            used_at: when it was last of use, and `now`, in microseconds.
            index: how many of its kind were of use since.
            total: the bytes of those and its own.
        """
        if self.max_age_days is not None and used_at < now - self.max_age_days * DAY:
            return f"older than {self.max_age_days:g} days"
        if self.max_count is not None and index >= self.max_count:
            return f"beyond the latest {self.max_count}"
        if self.max_bytes is not None and total > self.max_bytes:
            return f"beyond {human(self.max_bytes)}"
        return None


def beyond(items: Iterable[tuple[Used, int]], limits: Limits, now: int) -> list[tuple[Used, int, str]]:
    """Return the items that are beyond a limit and why, the one of least use first.

    Args:
        items: with their bytes, the one of most use first. Those in use or used within the last hour
            count, and are spared.
        now: in microseconds.
    """
    found, total = [], 0
    for index, (item, size) in enumerate(items):
        total += size
        why = limits.why_not(item.used_at, now, index, total)
        if why and not is_spared(item, now):
            found.append((item, size, why))
    return found[::-1]


def is_spared(item: Used, now: int) -> bool:
    """Whether it is too fresh to be deleted, or in use."""
    return item.in_use or item.used_at > now - SPARED_S * SECOND
