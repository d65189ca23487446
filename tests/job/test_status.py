"""`job.status`, and the states and extras of jobs and runs."""

from __future__ import annotations

from pathlib import Path

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig, JobState, JobStatus
from tests.jobs import ended, run, running, submit

SECRET = "not-for-the-eye-4711"


def test_a_job_that_succeeds(service: Path) -> None:
    status = run("echo done", name="fine")
    assert status.state is JobState.SUCCEEDED
    assert status.terminal
    assert (status.name, status.exit_code, status.reason, status.error) == ("fine", 0, None, None)
    assert status.creator_id
    [only] = status.runs
    assert (only.state, only.attempt, only.exit_code, only.reason) == ("SUCCEEDED", 1, 0, None)
    assert status.created_at
    assert only.created_at
    assert only.started_at
    assert only.ended_at
    assert status.started_at
    assert status.ended_at
    assert status.created_at <= only.created_at <= only.started_at <= only.ended_at <= status.ended_at
    assert status.status_updated_at == status.ended_at == status.updated_at
    assert JobStatus(**status.to_dict()) == status


def test_a_job_that_fails(service: Path) -> None:
    status = run("exit 7")
    assert (status.state, status.exit_code, status.reason) == ("FAILED", 7, "exit code 7")
    assert (status.runs[0].state, status.runs[0].exit_code) == ("FAILED", 7)
    killed = run("kill -KILL $$")
    assert (killed.state, killed.exit_code) == ("FAILED", None)
    assert killed.reason is not None
    assert killed.reason.startswith("killed by signal 9")


def test_a_job_that_runs(service: Path) -> None:
    status = job.status(id=running(submit("sleep 600")))
    assert status.state is JobState.RUNNING
    assert not status.terminal
    assert [each.state for each in status.runs] == ["RUNNING"]
    assert status.started_at
    assert status.ended_at is None
    assert status.exit_code is None


def test_the_config_echoes_everything_that_was_submitted(service: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    config = JobConfig(
        entrypoint="cat file",
        name="echo",
        working_dir=str(tmp_path),
        excludes=["*.bin"],
        env_vars={"TOKEN": SECRET},
        project="other",
        cloud="local",
        max_retries=3,
        timeout_s=60,
        tags={"team": "x"},
    )
    status = ended(job.submit(config))
    uri = status.config.working_dir
    assert uri is not None
    assert uri.startswith("package://")
    assert status.config == config.options(working_dir=uri)
    assert status.config.model_fields_set >= config.model_fields_set
    # what comes back can be submitted again
    assert ended(job.submit(status.config.options(name="again"))).state == "SUCCEEDED"


def test_env_vars_are_masked_where_a_status_is_shown(service: Path) -> None:
    status = run("true", env_vars={"TOKEN": SECRET})
    assert status.config.env_vars == {"TOKEN": SECRET}
    listed = job.list()
    for shown in (repr(status), str(status), repr(status.config), repr(listed), listed._repr_html_()):
        assert SECRET not in shown
    assert "TOKEN" in repr(status)
