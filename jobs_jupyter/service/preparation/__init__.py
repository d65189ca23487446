"""What a run needs before it can start. One kind of thing a file; adding one touches nothing else.

It is made while the run is STARTING and holds its place: its progress is said in the job's reason,
what its tools print is the run's setup log, beside its log. What fails here is not tried again.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.package import package_digest
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.containers import Container
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.log_bound import LogBound


@dataclass
class Setup:
    """How a run is started, as far as that is not in its config.

    `arguments` go between the interpreter and a script's own; `path` is searched before the PATH that
    the run would have. `variables` win over all others; None takes one away. `python_path` goes before
    the others on PYTHONPATH. `masks` are values that its log is not to show, `notices` are what whoever
    looks at the job should know, a line each. `packages` are those that remote URIs became, by field and URI.
    In a `container` the run has its image's interpreter and variables, and none of the submitter's.
    """

    interpreter: str | None
    arguments: list[str] = field(default_factory=list)
    path: list[Path] = field(default_factory=list)
    variables: dict[str, str | None] = field(default_factory=dict, repr=False)
    masks: list[str] = field(default_factory=list, repr=False)
    python_path: list[Path] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    container: Container | None = None
    packages: dict[tuple[str, str], str] = field(default_factory=dict)

    def package(self, name: str, uri: str) -> str:
        """Return the digest of the package that a URI in a field of the config means."""
        return self.packages.get((name, uri)) or package_digest(uri)


async def _hide_nothing(_values: list[str]) -> None:
    """For those who never show the setup log."""


class Progress:
    """Tells those who wait for a run what is being done for it.

    Args:
        log: the run's setup log, which is appended to.
        say: told in one line what is being done; shown as the reason why the job has not started yet.
        hide: told which values the setup log must not show, before anything is written that may hold them.
        most: how many bytes the setup log may take on disk; None: any number.
    """

    def __init__(
        self,
        log: Path,
        say: Callable[[str], Awaitable[None]],
        hide: Callable[[list[str]], Awaitable[None]] = _hide_nothing,
        most: int | None = None,
    ) -> None:
        self.say = say
        self.hide = hide
        self._log = log
        self._bound = LogBound(str(log), f"{log}.gap", most)
        self._full = False

    def write(self, content: bytes) -> None:
        """Append to the setup log; where its middle can't be left out, it ends at its bound."""
        if self._full:
            return
        self._append(content)
        if not self._bound.keep():
            self._full = True
            self._append(b"\njobs_jupyter: this log has reached its limit; the rest is left out\n")

    def _append(self, content: bytes) -> None:
        descriptor = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            while content:
                content = content[os.write(descriptor, content) :]
        finally:
            os.close(descriptor)


class Step(Protocol):
    """Makes one kind of thing."""

    def wanted(self, config: JobConfig) -> bool:
        """Whether a job with this config needs it."""

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Raise UnsupportedError, before anything is packaged, for what can never be made here."""

    async def prepare(self, launch: Launch, paths: RunPaths, setup: Setup, progress: Progress) -> None:
        """Make it, and note in `setup` how the run gets it.

        Cancelled where the run is to be stopped. It may be asked for again by the same run, after the
        service was killed, and is asked for by each of a job's runs.
        """
