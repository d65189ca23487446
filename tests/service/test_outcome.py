"""How a run ended, in words; whatever ended it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter.service.outcome import Outcome
from tests.jobs import run

GIB = 1 << 30
LOG_TOO_LONG = (
    "killed: its log grew beyond 1.0 GiB, and the file system can't let go of a log's middle; "
    "write less, or raise log_max_bytes"
)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome("exit", 0), None),
        (Outcome("exit", 3), "exit code 3"),
        (Outcome("exit", 143), "exit code 143 (SIGTERM)"),
        (Outcome("exit", 255), "exit code 255"),
        (Outcome("exit", 137, out_of_memory=True), "exit code 137 (out of memory)"),
        (Outcome("exit", signal=11), "killed by signal 11 (SIGSEGV)"),
        (Outcome("exit", signal=9, out_of_memory=True), "killed by signal 9 (out of memory)"),
        (Outcome("timeout", signal=15), "timed out after 60 s"),
        (Outcome("stop", signal=15), "stopped"),
        (Outcome("start", message="no such thing"), "could not start: no such thing"),
        (Outcome("lost", message="the machine restarted"), "lost: the machine restarted"),
        (
            Outcome("memory", signal=9, limit=8 * GIB, peak_memory=8 * GIB - GIB // 10),
            "killed: out of memory, peak 7.9 GiB (limit 8.0 GiB)",
        ),
        (
            Outcome("log", signal=9, limit=GIB),
            LOG_TOO_LONG,
        ),
    ],
)
def test_every_end_has_its_words(outcome: Outcome, reason: str | None) -> None:
    assert outcome.reason(60) == reason
    assert outcome.succeeded == (reason is None)
    assert outcome.may_retry == (outcome.cause not in ("start", "stop") and reason is not None)


def test_a_job_that_can_not_be_started(service: Path) -> None:
    status = run("true", env_vars={"HUGE": "x" * 200_000})
    assert (status.state, status.reason) == (
        "FAILED",
        "could not start: [Errno 7] Argument list too long: '/bin/sh'",
    )
    assert status.exit_code is None
