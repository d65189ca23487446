"""The service is killed at named points and at random moments while several clients use it."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.service.crashes.round import environment, play

SECONDS = 20.0


@pytest.mark.timeout(300)
def test_a_service_that_is_killed_all_the_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("CRASH_SEED", random.randrange(2**32)))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - to do it again
    for name, value in environment(home, os.environ).items():
        monkeypatch.setenv(name, value)
    came = play(home, SECONDS, seed)
    assert came.problems == []
    assert came.kills.total() >= 3
    assert came.jobs["SUCCEEDED"] >= 3
