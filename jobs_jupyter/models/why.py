"""Why a job or a run is in its state, in one line, and alike wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs_jupyter.models.run_error import RunError

STOPPED = "stopped"


def why(state: str, reason: str | None, error: RunError | Mapping[str, Any] | None) -> str:
    """Return what ended it or what it waits for; empty where the state says as much.

    Args:
        state: of the job, or of the run.
        reason: the service's words.
        error: the exception that ended the cell.
    """
    if state == "FAILED" and error is not None:
        return exception(error)
    says_all = state == "SUCCEEDED" or (state == "TERMINATED" and reason == STOPPED)
    return "" if says_all else " ".join((reason or "").split())


def exception(error: RunError | Mapping[str, Any]) -> str:
    """Return the exception and the cell's line, in one line."""
    about = error if isinstance(error, Mapping) else error.to_dict()
    text = " ".join(f"{about['type']}: {about['message']}".split()).removesuffix(":")
    return text if about.get("line") is None else f"{text} (cell line {about['line']})"
