"""What preparing a run printed; beside the Job SDK, whose functions know logs alone."""

from __future__ import annotations

from typing import Any

from jobs_jupyter.client import arguments
from jobs_jupyter.client.http import client
from jobs_jupyter.models.job import JobLogMode


def get_setup_log(
    job_id: str,
    run: str | None = None,
    *,
    mode: str | JobLogMode = JobLogMode.TAIL,
    max_lines: int | None = None,
) -> str:
    """Return a run's setup log: what building its environment or image printed; "" where all was there.

    Args:
        job_id: the job's id.
        run: a run's name; the last run otherwise.
        mode: which end `max_lines` are taken from.
        max_lines: how many lines at most; all of them otherwise.

    Raises:
        ValueError: the job has no such run, or an argument is wrong.
    """
    query: dict[str, Any] = {"mode": JobLogMode.named(mode).value, "setup": 1}
    if max_lines is not None:
        query["max_lines"] = arguments.whole("max_lines", max_lines)
    if run is not None:
        query["run"] = arguments.text("run", run)
    return client.request("GET", f"/v1/jobs/{job_id}/logs", query=query).content.decode(errors="replace")
