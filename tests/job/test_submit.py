"""`job.submit`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job, job_queue
from jobs_jupyter.client.http import client
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec
from jobs_jupyter.models.errors import (
    InvalidRequestError,
    JobQueueNotFoundError,
    PackageError,
    SecretNotFoundError,
    UnsupportedError,
)
from tests.jobs import ended, output, run, submit

UNSUPPORTED: dict[str, Any] = {
    "requirements": "s3://bucket/requirements.txt",
    "py_executable": "/nowhere/python",
    "ray_version": "0.0.1",
    "cloud": "elsewhere",
}


def test_only_a_job_config_is_taken(home: Path) -> None:
    for wrong in ({"entrypoint": "true"}, "true", None):
        with pytest.raises(TypeError, match="JobConfig"):
            job.submit(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        job.submit(JobConfig(entrypoint="true"), name="x")  # type: ignore[call-arg]
    assert not home.exists()


def test_ids_names_and_defaults(service: Path) -> None:
    first = job.submit(JobConfig(entrypoint="true"))
    second, third = submit("true", name="twin"), submit("true", name="twin")
    assert re.fullmatch(r"prodjob_[a-z0-9]{26}", first)
    assert len({first, second, third}) == 3
    assert job.status(name="twin").id == third

    status = ended(first)
    assert re.fullmatch(r"job-[a-z]+-[a-z]+-[a-z0-9]+", status.name)
    assert status.config.max_retries is None
    assert status.max_runs == 2
    assert (status.project, status.cloud) == ("default", "local")
    assert status.config == JobConfig(entrypoint="true")


def test_a_job_is_on_disk_when_submit_returns(service: Path) -> None:
    job_id = submit("true", name="durable")
    assert job_id.encode() in (service / "jobs.db").read_bytes() + (service / "jobs.db-wal").read_bytes()
    ended(job_id)


def test_what_this_service_cannot_honour_is_refused_by_name(service: Path, tmp_path: Path) -> None:
    for field, value in UNSUPPORTED.items():
        with pytest.raises(ValueError, match=field) as refused:
            submit("true", **{field: value})
        wanted = InvalidRequestError if field == "cloud" else UnsupportedError
        assert isinstance(refused.value, wanted)
    assert "no cloud 'elsewhere' here; the clouds: local" in str(refused.value)
    with pytest.raises((UnsupportedError, SecretNotFoundError), match=r"image_uri|no secret 'secret'"):
        submit("true", image_uri="python:3.12", registry_login_secret="secret")

    # refused before a directory is packaged
    (tmp_path / "file").write_text("text")
    with pytest.raises(UnsupportedError, match="py_executable"):
        submit("true", py_executable="/nowhere/python", working_dir=str(tmp_path))
    assert not list(service.glob("packages/blobs/*/*"))
    assert list(job.list()) == []
    assert not list(service.glob("jobs/*"))


def everything(home: Path) -> list[Path]:
    """All files of a state directory but those that a service has of its own."""
    own = ("jobs.db", "service.", "start.lock", "token")
    return [path for path in home.rglob("*") if path.is_file() and not path.name.startswith(own)]


def test_a_check_stores_nothing(service: Path) -> None:
    spec = {"name": "line", "idle_timeout_s": 5}
    config = {"entrypoint": "true", "tags": {"a": "b"}, "job_queue_config": {"job_queue_spec": spec}}
    body = {"origin": {"environment": {"A": "b"}}, "idempotency_key": "key"}
    check = {**body, "config": {**config, "working_dir": "/not/here"}, "check_only": True}
    assert client.json("POST", "/v1/jobs", body=check) == {"accepted": True}
    assert list(job.list()) == []
    assert list(job_queue.list()) == []
    assert everything(service) == []
    with client.stream("/v1/events", query={"after": 0, "wait_s": 0.1}) as answer:
        assert b"data:" not in answer.read()
    made = client.json("POST", "/v1/jobs", body={**body, "config": config})  # there is no trace of the key
    assert ended(made["id"]).state == "SUCCEEDED"
    assert everything(service)


def test_a_queue_that_can_not_be_had_is_refused_before_anything_is_packaged(
    service: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("text")
    sealed = JobQueueSpec(name="sealed", idle_timeout_s=5)
    ended(submit("true", job_queue_config=JobQueueConfig(job_queue_spec=sealed)))
    job_queue.archive(name="sealed")
    other = sealed.options(name="line")
    ended(submit("true", job_queue_config=JobQueueConfig(job_queue_spec=other)))
    refused: list[tuple[JobQueueConfig, type[Exception]]] = [
        (JobQueueConfig(target_job_queue_name="lime"), JobQueueNotFoundError),
        (JobQueueConfig(target_job_queue_name="sealed"), InvalidRequestError),
        (JobQueueConfig(job_queue_spec=sealed), InvalidRequestError),
        (JobQueueConfig(job_queue_spec=other.options(max_concurrency=9)), InvalidRequestError),
        (JobQueueConfig(priority=1), InvalidRequestError),
    ]
    for config, kind in refused:
        with pytest.raises(kind):
            submit("true", job_queue_config=config, working_dir=str(tmp_path))
    assert not list(service.glob("packages/*/*"))
    assert len(list(job.list())) == 2


def test_a_directory_that_cannot_be_packaged_leaves_no_job(service: Path, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(PackageError, match=r"did you mean '.*src'"):
        submit("true", working_dir=str(tmp_path / "scr"))
    with pytest.raises(PackageError, match="not a directory"):
        submit("true", working_dir=__file__)
    assert list(job.list()) == []


def test_any_text_is_taken(service: Path) -> None:
    text = "größe 🎈 'quoted' \"double\" $HOME \\n"
    status = run('printf %s "$TEXT"', name=text, project=text, env_vars={"TEXT": text}, tags={"a": text})
    assert job.get_logs(id=status.id) == text + "\n"
    assert job.status(name=text, project=text).id == status.id
    assert status.tags == {"a": text}


def test_a_long_command_and_a_script(service: Path) -> None:
    # one argument of execve has room for 128 KiB
    assert output("echo " + "x" * 120_000) == "x" * 120_000 + "\n"
    assert output("for i in 1 2\ndo\n  echo $i\ndone\n") == "1\n2\n"


def test_the_longest_command(service: Path) -> None:
    assert run("true " + "x" * (131_071 - 5)).state == "SUCCEEDED"
    with pytest.raises(
        UnsupportedError, match="The entrypoint has 131072 bytes; a command has at most 131071"
    ):
        job.submit(JobConfig(entrypoint="true " + "x" * (131_072 - 5)))
    with pytest.raises(UnsupportedError, match="entrypoint holds a NUL character"):
        job.submit(JobConfig(entrypoint="true \0"))


def test_what_is_not_there_is_what_programs_catch_in_its_place(service: Path, tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    gone = str(tmp_path / "gone")
    for error in (RuntimeError, FileNotFoundError, ValueError):
        with pytest.raises(error, match="There is no directory"):
            job.submit(JobConfig(entrypoint="true", working_dir=gone))
        with pytest.raises(error, match="no such directory or file"):
            job.submit(JobConfig(entrypoint="true", py_modules=[gone]))
    with pytest.raises(RuntimeError, match="is not a directory"):
        job.submit(JobConfig(entrypoint="true", working_dir=str(tmp_path / "file.txt")))
    with pytest.raises(FileNotFoundError, match="names the file"):
        job.submit(JobConfig(entrypoint="true", requirements=f"{gone}.txt"))
    with pytest.raises(ValueError, match="There is no compute config"):
        job.submit(JobConfig(entrypoint="true", compute_config="nope"))
