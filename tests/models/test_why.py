"""Why a job is in its state, in one line."""

from __future__ import annotations

import pytest

from jobs_jupyter.models.run_error import RunError
from jobs_jupyter.models.why import why

ERROR = RunError(type="KeyError", message="'user_id'", line=5)


@pytest.mark.parametrize(
    ("state", "reason", "error", "said"),
    [
        ("FAILED", "exit code 1", ERROR, "KeyError: 'user_id' (cell line 5)"),
        ("FAILED", "exit code 1", ERROR.to_dict(), "KeyError: 'user_id' (cell line 5)"),
        ("FAILED", "exit code 1", RunError(type="Stop", message=""), "Stop"),
        ("FAILED", "exit code 1", RunError(type="E", message="a\nb"), "E: a b"),
        ("FAILED", "exit code 1", None, "exit code 1"),
        ("TERMINATED", "stopped", ERROR, ""),
        ("TERMINATED", "queue terminated", None, "queue terminated"),
        ("SUCCEEDED", "exit code 0", None, ""),
        ("STARTING", "queued: 3rd in gpu", None, "queued: 3rd in gpu"),
        ("RUNNING", None, None, ""),
    ],
)
def test_why(state: str, reason: str | None, error: object, said: str) -> None:
    assert why(state, reason, error) == said  # type: ignore[arg-type]
