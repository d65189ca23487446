"""The feed's shapes, ids and names."""

from __future__ import annotations

import re

from jobs_jupyter.models.event import Event, JobView, RunView
from jobs_jupyter.models.names import new_job_id, new_run_name, random_job_name


def an_event() -> Event:
    run = RunView(name="r", attempt=1, state="RUNNING", started_at="2026-01-01T00:00:00Z")
    job = JobView(
        id="j", name="n", project="p", cloud="c", creator_id="me", state="FAILED", tags={"a": "b"}, runs=[run]
    )
    return Event(seq=3, at="2026-01-01T00:00:00Z", kind="run", job=job)


def test_round_trip() -> None:
    event = an_event()
    assert Event.from_dict(event.to_dict()) == event
    assert event.job.terminal


def test_what_a_newer_service_adds_is_ignored() -> None:
    data = an_event().to_dict()
    data["job"] |= {"new": 1, "state": "HIBERNATING"}
    data["job"]["runs"][0]["new"] = 1
    assert Event.from_dict(data).job.state == "UNKNOWN"


def test_ids_and_names() -> None:
    assert re.fullmatch(r"prodjob_[a-z0-9]{26}", new_job_id())
    assert re.fullmatch(r"jobrun_[a-z0-9]{16}", new_run_name())
    assert re.fullmatch(r"job-[a-z]+-[a-z]+-[a-z0-9]{4}", random_job_name())
    assert len({new_job_id() for _ in range(100)}) == 100
