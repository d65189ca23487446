"""Finding a job by name or id: the same rules for all nine functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.models import JobStatus
from jobs_jupyter.models.errors import JobNotFoundError, ServiceUnavailableError
from tests.jobs import ended, run, submit

BY_ID = {
    "status": job.status,
    "terminate": job.terminate,
    "archive": job.archive,
    "delete": job.delete,
    "get_logs": job.get_logs,
    "wait": job.wait,
}
BY_JOB_ID: dict[str, Callable[..., Any]] = {
    "add_tags": functools.partial(job.add_tags, tags={"a": "b"}),
    "remove_tags": functools.partial(job.remove_tags, keys=["a"]),
    "list_tags": job.list_tags,
}
ALL: dict[str, Callable[..., Any]] = {**BY_ID, **BY_JOB_ID}
every = pytest.mark.parametrize("function", ALL.values(), ids=ALL)


@every
def test_arguments_are_refused_before_anything_is_asked(function: Callable[..., Any], home: Path) -> None:
    other = "id" if function in BY_ID.values() else "job_id"
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"name": ""},
        {other: ""},
        {"name": "", other: "prodjob_1"},
        {"name": "one", other: "prodjob_1"},
        {other: "prodjob_1", "project": "default"},
        {other: "prodjob_1", "cloud": "local"},
        {"name": "one", "project": ""},
        {"name": "one", "cloud": ""},
    )
    for arguments in wrong:
        with pytest.raises(ValueError, match=r"\w"):
            function(**arguments)
    for arguments in ({"name": 1}, {other: 1}, {"name": "one", "include_archived": "yes"}):
        with pytest.raises(TypeError):
            function(**arguments)
    for arguments in ({"name": "one", "unknown": 1}, {other: "prodjob_1", "state_filter": []}):
        with pytest.raises(TypeError, match="unexpected keyword"):
            function(**arguments)
    with pytest.raises(TypeError, match="positional"):
        function("one")
    assert not home.exists(), "a service was started to refuse an argument"


def test_job_id_is_a_second_spelling_of_id(service: Path) -> None:
    one = run("echo 1")
    assert job.status(job_id=one.id) == job.status(id=one.id, job_id=one.id) == one
    assert job.get_logs(job_id=one.id) == "1\n"
    job.wait(job_id=one.id)
    assert job.terminate(job_id=one.id) == job.archive(job_id=one.id) == job.delete(job_id=one.id) == one.id
    for function in BY_ID.values():
        with pytest.raises(ValueError, match="two spellings"):
            function(id="prodjob_1", job_id="prodjob_2")


def test_a_job_that_is_not_there(service: Path) -> None:
    run("true", name="training")
    for function in ALL.values():
        key = "id" if function in BY_ID.values() else "job_id"
        for arguments in ({"name": "trainings"}, {key: "prodjob_gone"}, {key: "../etc"}, {key: "a b/ä?#"}):
            with pytest.raises(JobNotFoundError) as raised:
                function(**arguments)
            assert isinstance(raised.value, RuntimeError)
            assert isinstance(raised.value, LookupError)
            assert repr(next(iter(arguments.values()))) in str(raised.value)
    with pytest.raises(JobNotFoundError, match="training"):
        job.status(name="trainings")
    with pytest.raises(JobNotFoundError, match="pass name='training'"):
        job.status(id="training")
    with pytest.raises(JobNotFoundError, match="project 'elsewhere'"):
        job.status(name="training", project="elsewhere")
    with pytest.raises(JobNotFoundError):
        job.status(name="TRAINING")
    with pytest.raises(ValueError, match=r"no cloud 'mars'.*local"):
        job.status(name="training", cloud="mars")


def test_names_are_within_a_project_and_the_newest_wins(service: Path) -> None:
    old, new = run("true", name="same"), run("true", name="same")
    other = run("true", name="same", project="other")
    assert job.status(name="same") == new
    assert job.status(name="same", project="default", cloud="local") == new
    assert job.status(name="same", project="other") == other
    assert job.status(id=old.id) == old


def test_archived_jobs_are_found_by_id_and_on_request(service: Path) -> None:
    old, new = run("echo old", name="same"), run("echo new", name="same")
    job.archive(id=new.id)
    assert job.status(name="same").id == old.id
    assert job.status(name="same", include_archived=True).id == new.id
    job.archive(id=old.id)
    for function in ALL.values():
        with pytest.raises(JobNotFoundError, match="include_archived=True"):
            function(name="same")
    assert job.status(id=old.id).id == old.id
    assert job.get_logs(name="same", include_archived=True) == "new\n"
    assert job.get_logs(id=old.id) == "old\n"
    job.add_tags(name="same", tags={"a": "b"}, include_archived=True)
    assert job.list_tags(name="same", include_archived=True) == job.list_tags(job_id=new.id) == {"a": "b"}
    job.remove_tags(name="same", keys=["a"], include_archived=True)
    job.wait(name="same", include_archived=True)
    assert job.terminate(name="same", include_archived=True) == new.id
    assert job.archive(name="same", include_archived=True) == new.id
    assert job.delete(name="same", include_archived=True) == new.id
    assert job.delete(name="same", include_archived=True) == old.id


def test_no_service_is_not_no_job(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", "http://127.0.0.1:9")
    for function in ALL.values():
        with pytest.raises(ServiceUnavailableError, match=r"127\.0\.0\.1:9") as raised:
            function(name="any")
        assert isinstance(raised.value, ConnectionError)
        assert not isinstance(raised.value, LookupError)


def test_a_name_may_be_any_text(service: Path) -> None:
    for name in ("a/b?c#d&e=f%20+", "find", "ünï 🎈", " spaced "):
        job_id = submit("true", name=name)
        found: JobStatus = ended(job_id)
        assert job.status(name=name) == found
        assert [each.id for each in job.list(name=name)] == [job_id]
