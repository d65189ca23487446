"""`job.list`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import http
from jobs_jupyter.job import ResultIterator
from jobs_jupyter.job.models import JobSortField, JobSortOrder, JobState, JobStatus
from tests.jobs import ended, run, running, submit

DATES = ("created_at", "updated_at", "status_updated_at")


def test_argument_errors_come_at_the_call(home: Path) -> None:
    values: tuple[dict[str, Any], ...] = (
        {"page_size": 0},
        {"page_size": 101},
        {"max_items": 0},
        {"max_items": -1},
        {"state_filter": ["DONE"]},
        {"state_filter": ["RUNNING", ""]},
        {"sort_field": "COLOUR"},
        {"sort_order": "DOWN"},
        {"tags_filter": {"team": []}},
        {"name": ""},
        {"project": ""},
        *({f"{name}_{end}": "yesterday"} for name in DATES for end in ("from", "to")),
        {"created_at_from": 17},
        {"created_at_from": "0001-01-01T00:00:00+14:00"},
    )
    for arguments in values:
        with pytest.raises(ValueError, match=r"\w"):
            job.list(**arguments)
    types: tuple[dict[str, Any], ...] = (
        {"page_size": 1.0},
        {"page_size": True},
        {"max_items": "1"},
        {"name": 1},
        {"state_filter": "RUNNING"},
        {"tags_filter": ["team"]},
        {"tags_filter": {"team": "x"}},
        {"include_archived": 1},
        {"include_all_users": "no"},
        {"unknown": 1},
    )
    for arguments in types:
        with pytest.raises(TypeError):
            job.list(**arguments)
    with pytest.raises(TypeError):
        job.list("name")  # type: ignore[call-arg]
    assert not home.exists()


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch, service: Path) -> list[JobStatus]:
    """Seven jobs, the oldest first: of several names, projects, tags and states; one is archived."""
    monkeypatch.setenv("JOBS_JUPYTER_DEFAULT_CPUS", "0")  # none waits for another's processor
    made = [
        submit("true", name="a", tags={"team": "x", "env": "prod"}),
        submit("true", name="b", tags={"team": "y", "env": "prod"}),
        submit("false", name="c", tags={"team": "z"}),
        submit("sleep 600", name="a", tags={"env": "test"}),
        submit("true", name="a", project="p"),
        submit("sleep 600", name="d", project="p"),
        submit("true", name="z"),
    ]
    for index, job_id in enumerate(made):
        running(job_id) if index in (3, 5) else ended(job_id)
    job.terminate(id=made[5])
    ended(made[5])
    job.archive(id=made[6])
    return [job.status(id=job_id) for job_id in made]


def numbers(jobs: list[JobStatus], **arguments: Any) -> list[int]:
    """Return which of the jobs a list holds, in its order, and check that they are complete."""
    found = list(job.list(**arguments))
    known = {each.id: number for number, each in enumerate(jobs)}
    assert all(each == jobs[known[each.id]] for each in found)
    return [known[each.id] for each in found]


def test_filters(jobs: list[JobStatus]) -> None:
    def found(**arguments: Any) -> list[int]:
        return numbers(jobs, **arguments)

    assert found() == [5, 4, 3, 2, 1, 0]
    assert found(include_archived=True) == [6, 5, 4, 3, 2, 1, 0]
    assert found(include_all_users=True) == [5, 4, 3, 2, 1, 0]
    assert found(name="a") == [4, 3, 0]
    assert found(name="A") == found(name="a*") == found(name="nothing") == []
    assert found(name="a", project="p") == [4]
    assert found(project="default") == [3, 2, 1, 0]
    assert found(cloud="local") == [5, 4, 3, 2, 1, 0]
    with pytest.raises(ValueError, match="There is no cloud 'mars' here; the clouds: local"):
        job.list(cloud="mars")
    assert found(job_id=jobs[2].id) == [2]
    assert found(job_id=jobs[2].id, name="a") == found(job_id=jobs[2].id, state_filter=["RUNNING"]) == []
    assert found(job_id=jobs[6].id) == []
    assert found(job_id=jobs[6].id, include_archived=True) == [6]

    assert found(state_filter=["succeeded"]) == [4, 1, 0]
    assert found(state_filter=[JobState.FAILED, "Running"]) == [3, 2]
    assert found(state_filter=["TERMINATED", "TERMINATED"]) == [5]
    assert found(state_filter=["STARTING"]) == found(state_filter=["UNKNOWN"]) == []
    assert found(state_filter=[]) == [5, 4, 3, 2, 1, 0]

    assert found(tags_filter={"team": ["x", "y"]}) == [1, 0]
    assert found(tags_filter={"team": ["x", "z"], "env": ["prod"]}) == [0]
    assert found(tags_filter={"env": ["test", "prod"]}, name="a") == [3, 0]
    assert found(tags_filter={"env": ["x"]}) == found(tags_filter={"none": ["x"]}) == []
    assert found(tags_filter={}) == [5, 4, 3, 2, 1, 0]


def test_dates_are_inclusive_and_naive_ones_are_utc(jobs: list[JobStatus]) -> None:
    for field in DATES:
        moment: datetime = getattr(jobs[2], field)
        wanted = {n for n, each in enumerate(jobs[:6]) if getattr(each, field) >= moment}
        elsewhere = moment.astimezone(timezone(timedelta(hours=-7)))
        for same in (moment, moment.isoformat(), moment.replace(tzinfo=None), elsewhere.isoformat()):
            assert set(numbers(jobs, **{f"{field}_from": same})) == wanted
            assert set(numbers(jobs, **{f"{field}_to": same})) == set(range(6)) - wanted | {2}
            assert numbers(jobs, **{f"{field}_from": same, f"{field}_to": same}) == [2]
        text = moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert set(numbers(jobs, **{f"{field}_from": text})) == wanted
    assert numbers(jobs, created_at_from="2000-01-01", created_at_to="2001-01-01T00:00:00Z") == []
    assert numbers(jobs, created_at_from="0001-01-01", created_at_to=datetime.max.replace(tzinfo=UTC)) == [
        5,
        4,
        3,
        2,
        1,
        0,
    ]


def test_all_fields_sort_both_ways(jobs: list[JobStatus]) -> None:
    keys = {
        "STATUS": lambda each: each.state,
        "CREATED_AT": lambda each: each.created_at,
        "LAST_UPDATED_AT": lambda each: each.updated_at,
        "LAST_STATUS_UPDATED_AT": lambda each: each.status_updated_at,
        "ENDED_AT": lambda each: each.ended_at,
        "NAME": lambda each: each.name,
        "ID": lambda each: each.id,
    }
    assert set(keys) == set(JobSortField.__members__)
    for field, key in keys.items():
        for order in ("ASC", "DESC"):
            with_value = [each for each in jobs if key(each) is not None]
            wanted = sorted(with_value, key=lambda each: (key(each), each.id), reverse=order == "DESC")
            wanted += [each for each in jobs if key(each) is None]
            for page_size in (2, 50):
                found = job.list(
                    include_archived=True, sort_field=field, sort_order=order, page_size=page_size
                )
                assert list(found) == wanted, (field, order)
    assert numbers(jobs, sort_field="name", sort_order="asc") == numbers(
        jobs, sort_field=JobSortField.NAME, sort_order=JobSortOrder.ASC
    )
    assert numbers(jobs, sort_field="Ended_At") == numbers(jobs, sort_field="ENDED_AT", sort_order="DESC")


def test_pages_are_fetched_as_they_are_read(jobs: list[JobStatus], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = http.client.json

    def counted(*arguments: Any, **more: Any) -> Any:
        asked.append(arguments)
        return real(*arguments, **more)

    monkeypatch.setattr(http.client, "json", counted)

    found = job.list(page_size=2)
    assert asked == []
    assert isinstance(found, ResultIterator)
    iterator: Iterator[JobStatus] = iter(found)
    assert next(iterator).id == jobs[5].id
    assert len(asked) == 1
    assert [each.id for each in itertools.islice(iterator, 2)] == [jobs[4].id, jobs[3].id]
    assert len(asked) == 2
    assert len(list(found)) == len(list(found)) == 6, "it may be iterated again"
    assert [each.id for each in iterator] == [jobs[n].id for n in (2, 1, 0)], "each for itself"

    asked.clear()
    assert numbers(jobs, max_items=3, page_size=2) == [5, 4, 3]
    assert len(asked) == 2
    assert numbers(jobs, max_items=2) == [5, 4]
    assert len(asked) == 3
    assert len(numbers(jobs, max_items=100, page_size=100)) == 6


def test_jobs_submitted_meanwhile_neither_repeat_nor_drop(jobs: list[JobStatus]) -> None:
    orders: tuple[dict[str, Any], ...] = (
        {},
        {"sort_field": "NAME"},
        {"sort_field": "ENDED_AT", "sort_order": "ASC"},
    )
    for arguments in orders:
        before = [each.id for each in job.list(**arguments)]
        iterator = iter(job.list(page_size=2, **arguments))
        seen = [next(iterator).id, next(iterator).id]
        run("true", name="a")
        seen += [each.id for each in iterator]
        assert [job_id for job_id in seen if job_id in before] == before
        assert len(set(seen)) == len(seen)


def test_it_displays_as_a_table(jobs: list[JobStatus]) -> None:
    run("true", name="<script>alert(1)</script>", tags={"a": "<b>"})
    shown = job.list()
    text, page = repr(shown), shown._repr_mimebundle_()["text/html"]
    for number in range(6):
        assert jobs[number].id in text
        assert jobs[number].id in page
    assert text.splitlines()[0].split()[:3] == ["Name", "State", "Reason"]
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert repr(job.list(name="none")) == "No jobs."
