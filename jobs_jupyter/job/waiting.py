"""Waiting for a job: the change feed pushes, nothing polls."""

from __future__ import annotations

import codecs
import sys
import time
from typing import Any

from jobs_jupyter.client.http import client
from jobs_jupyter.client.streams import events, log
from jobs_jupyter.models.errors import JobStateError
from jobs_jupyter.models.job import TERMINAL, JobState

LAST_LINES = 20


def check_timeout(timeout_s: object) -> float:
    """Return a positive number of seconds."""
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise TypeError(f"timeout_s must be a number of seconds, not {timeout_s!r}.")
    if not timeout_s > 0:  # nor is nan
        raise ValueError(f"timeout_s must be a number of seconds above 0, not {timeout_s}.")
    return float(timeout_s)


def wait(job: dict[str, Any], state: JobState, timeout_s: float, deadline: float, follow: bool) -> None:
    """Return once the job has been in `state`.

    Args:
        job: the job's status as found when the waiting began; its id pins it.
        timeout_s: only for the message; `deadline` (of time.monotonic) counts.

    Raises:
        JobStateError: the job ended in another state.
        TimeoutError: the deadline came first; the job runs on.
    """
    printed: set[str] = set()
    last = job["state"]
    for event in events(job["id"], deadline):
        if event["kind"] == "deleted":
            raise JobStateError(f"The job {job['name']!r} ({job['id']}) was deleted.")
        seen = event["job"]
        last = seen["state"]
        reached = last == state and (state != JobState.STARTING or job["state"] == state)
        if reached and last not in TERMINAL:
            return
        if follow:
            _print_new_logs(seen, printed, deadline)
        if reached:
            return
        if last in TERMINAL:
            raise JobStateError(_ended_otherwise(seen, state))
    raise TimeoutError(
        f"The job {job['name']!r} ({job['id']}) was {last} after {timeout_s:g} s, not {state.value}; "
        "it goes on. Wait again, or for longer with timeout_s."
    )


def _print_new_logs(seen: dict[str, Any], printed: set[str], deadline: float) -> None:
    """Print the logs of runs that were not printed yet, each to its end."""
    for run in seen["runs"]:
        if run["name"] in printed or run["state"] == "STARTING":
            continue
        printed.add(run["name"])
        print(f"[{run['name']}] run {run['attempt']} of {seen['max_runs']}", flush=True)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = ""
        for chunk in log(seen["id"], run["name"], deadline):
            text = decoder.decode(chunk)
            sys.stdout.write(text)
            sys.stdout.flush()
        if text and not text.endswith("\n"):
            print(flush=True)


def _ended_otherwise(seen: dict[str, Any], wanted: JobState) -> str:
    text = f"The job {seen['name']!r} ({seen['id']}) is {seen['state']}, not {wanted.value}"
    text += f": {seen['reason']}" if seen["reason"] else ""
    if seen["exit_code"] is not None and f"exit code {seen['exit_code']}" not in text:
        text += f" (exit code {seen['exit_code']})"
    path = f"/v1/jobs/{seen['id']}/logs"
    lines = client.request("GET", path, query={"max_lines": LAST_LINES}).content.decode(errors="replace")
    return f"{text}. Its last lines:\n{lines}" if lines else f"{text}. Its log is empty."


def now() -> float:
    """Return the time that deadlines are measured in."""
    return time.monotonic()
