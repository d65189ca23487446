"""Logs of runs that are no runs: a directory with a file `log` in it."""

from __future__ import annotations

from pathlib import Path

from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service.log_text import LogText
from jobs_jupyter.service.vault import Vault


def text_of(log: Path, vault: Vault | None = None, *, ended: bool = True) -> LogText:
    """What a client sees of the log; without a vault nothing of it is secret."""
    return LogText(RunPaths(log.parent), vault or Vault(StatePaths(log.parent / "home")), ended=ended)
