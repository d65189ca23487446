"""A runner is a way to execute a run. One file each; adding one touches nothing else.

A runner never decides about a job: it is told to start a run and to stop it, and says how it ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.preparation import Setup

Ended = Callable[[str, Outcome], None]
"""Called with a run's name and how it ended; once for each run."""


Said = Callable[[str, str], Awaitable[None]]
"""Called with a run's name and what is being done for it, in words."""


class Runner(Protocol):
    """Starts runs, finds them again after a restart, and stops them."""

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Raise UnsupportedError for a field that this runner cannot honour."""

    async def prepare(self, launch: Launch) -> Setup:
        """Make what the run needs; this may take long. What fails is raised."""

    async def start(self, launch: Launch, setup: Setup) -> None:
        """Start a run. What fails before its process exists is raised."""

    async def adopt(self, launch: Launch) -> int | None:
        """Find a run that an earlier service began, and return when it started, in microseconds.

        None: it never started, and this launch of it never will.
        """

    def stop(self, launch: Launch) -> None:
        """Begin to end a run; repeating it is harmless."""
