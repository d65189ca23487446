"""The service is killed at named points and at random moments while several clients use it."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import isolation
from tests.jobs import ended, submit
from tests.service.crashes.early import crash_points
from tests.service.crashes.round import environment, play

SECONDS = 20.0


@pytest.mark.timeout(300)
def test_a_service_that_is_killed_all_the_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = int(os.environ.get("CRASH_SEED", random.randrange(2**32)))
    print(f"CRASH_SEED={seed}")  # noqa: T201 - to do it again
    monkeypatch.setattr(isolation, "FLAGS", ())
    for name, value in environment(home, os.environ).items():
        monkeypatch.setenv(name, value)
    came = play(home, SECONDS, seed)
    assert came.problems == []
    assert came.kills.total() >= 3
    assert came.jobs["SUCCEEDED"] >= 3


@pytest.mark.parametrize("change", ["changes.add_job", "runs.begin_run", "runs.end_run"])
@pytest.mark.parametrize("when", crash_points.AT_COMMIT)
def test_a_service_dies_at_the_point_that_it_is_told(
    service: Path, monkeypatch: pytest.MonkeyPatch, when: str, change: str
) -> None:
    monkeypatch.setattr(isolation, "FLAGS", ())
    for name, value in environment(service, os.environ).items():
        monkeypatch.setenv(name, value)
    point = f"{when} {change}"
    service.parent.mkdir(exist_ok=True)
    crash_points.plan_of(service).write_text(json.dumps({"point": point, "nth": 1}))
    ran = service.parent / "ran"
    job_id = submit(f"echo once >> {ran}")
    assert ended(job_id).state == "SUCCEEDED"
    assert crash_points.hits_of(service).read_text().splitlines() == [point]
    assert ran.read_text() == "once\n"
    assert [each.id for each in job.list()] == [job_id]
