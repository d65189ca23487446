"""Waiting for a job: the change feed pushes, nothing polls."""

from __future__ import annotations

import codecs
import sys
import time
from collections.abc import Callable
from typing import Any

from jobs_jupyter.client.deadline import until
from jobs_jupyter.client.http import client
from jobs_jupyter.client.streams import events, log
from jobs_jupyter.models.errors import JobStateError, ServiceHangsError, ServiceUnavailableError
from jobs_jupyter.models.job import TERMINAL, JobState

LAST_LINES = 20
LOOK_UP_S = 1.0  # the first look-up may take so long, however short the timeout


def check_timeout(timeout_s: object) -> float:
    """Return a positive number of seconds."""
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise TypeError(f"timeout_s must be a number of seconds, not {timeout_s!r}.")
    if not timeout_s > 0:  # nor is nan
        raise ValueError(f"timeout_s must be a number of seconds above 0, not {timeout_s}.")
    return float(timeout_s)


def look_up(find: Callable[[], dict[str, Any]], timeout_s: float, deadline: float) -> dict[str, Any]:
    """Return the status of the job that is meant, as a dict; a service that hangs is waited for.

    Raises:
        TimeoutError: it has not answered by the deadline, or within a second where that is later.
    """
    last = max(deadline, now() + LOOK_UP_S)
    with until(last):
        while True:
            try:
                return find()
            except ServiceHangsError as problem:
                if now() >= last:
                    raise TimeoutError(
                        f"The state of the job is not known: the jobs service has not answered for "
                        f"{timeout_s:g} s ({problem}) The job goes on."
                    ) from None


def wait(job: dict[str, Any], state: JobState, timeout_s: float, deadline: float, follow: bool) -> None:
    """Return once the job has been in `state`.

    Args:
        job: the job's status as found when the waiting began; its id pins it.
        timeout_s: only for the message; `deadline` (of time.monotonic) counts.

    Raises:
        JobStateError: the job ended in another state.
        TimeoutError: the deadline came first; the job runs on.
    """
    with until(max(deadline, now() + LOOK_UP_S)):
        if not follow and _is_decided(job, state):
            return
        last = _follow(job, state, deadline, follow)
        if last is None or (follow and _is_decided(job, state)):
            return
    raise TimeoutError(
        f"The job {job['name']!r} ({job['id']}) was {last} after {timeout_s:g} s, not {state.value}; "
        "it goes on. Wait again, or for longer with timeout_s."
    )


def _is_decided(job: dict[str, Any], state: JobState) -> bool:
    """Tell whether a job that was just looked up has been in a state.

    Raises:
        JobStateError: it has ended without it.
    """
    if job["state"] == state:
        return True
    if job["state"] not in TERMINAL:
        return False
    if state == JobState.RUNNING and job.get("started_at") is not None:
        return True
    raise JobStateError(_ended_otherwise(job, state))


def _follow(job: dict[str, Any], state: JobState, deadline: float, follow: bool) -> str | None:
    """Return None once the job has been in a state, or its state when the deadline came."""
    printed: set[str] = set()
    last = str(job["state"])
    for event in events(job["id"], deadline):
        if event["kind"] == "deleted":
            raise JobStateError(f"The job {job['name']!r} ({job['id']}) was deleted.")
        seen = event["job"]
        last = seen["state"]
        reached = last == state and (state != JobState.STARTING or job["state"] == state)
        if reached and last not in TERMINAL:
            return None
        if follow:
            _print_new_logs(seen, printed, deadline)
        if reached:
            return None
        if last in TERMINAL:
            raise JobStateError(_ended_otherwise(seen, state))
    return last


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
    reason, exit_code = seen.get("reason"), seen.get("exit_code")
    text += f": {reason}" if reason else ""
    if exit_code is not None and f"exit code {exit_code}" not in text:
        text += f" (exit code {exit_code})"
    path = f"/v1/jobs/{seen['id']}/logs"
    try:
        lines = client.request("GET", path, query={"max_lines": LAST_LINES}).content.decode(errors="replace")
    except ServiceUnavailableError:
        return f"{text}. Its log can't be read now."
    return f"{text}. Its last lines:\n{lines}" if lines else f"{text}. Its log is empty."


def now() -> float:
    """Return the time that deadlines are measured in."""
    return time.monotonic()
