"""Retries: how many, when, and of what."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig
from tests.jobs import ended, eventually, run


def test_at_most_so_many_more_runs_each_later_than_the_one_before(service: Path) -> None:
    status = run("echo $JOBS_JUPYTER_RUN_ATTEMPT; exit 9", max_retries=2)
    assert (status.state, status.exit_code, status.reason) == ("FAILED", 9, "exit code 9")
    assert status.max_runs == 3
    assert [each.state for each in status.runs] == ["FAILED"] * 3
    assert [each.attempt for each in status.runs] == [1, 2, 3]
    assert len({each.name for each in status.runs}) == 3
    for each in status.runs:
        assert job.get_logs(id=status.id, run=each.name) == f"{each.attempt}\n"
    first, second, third = status.runs
    assert first.ended_at
    assert second.ended_at
    assert second.started_at
    assert third.started_at
    assert timedelta(seconds=1) <= second.started_at - first.ended_at
    assert timedelta(seconds=2) <= third.started_at - second.ended_at


def test_left_out_means_one_and_none_follows_a_success(service: Path, tmp_path: Path) -> None:
    job_id = job.submit(JobConfig(entrypoint="test $JOBS_JUPYTER_RUN_ATTEMPT = 2"))
    failed = eventually(lambda: [each for each in job.status(id=job_id).runs if each.state == "FAILED"])
    between = job.status(id=job_id)
    assert between.state == "RUNNING", "between retries too"
    assert failed[0].reason == "exit code 1"
    status = ended(job_id)
    assert (status.state, status.exit_code, status.reason) == ("SUCCEEDED", 0, None)
    assert [each.state for each in status.runs] == ["FAILED", "SUCCEEDED"]
    assert status.config.max_retries is None


def test_none_means_none(service: Path) -> None:
    assert len(run("false", max_retries=0).runs) == 1


def test_every_run_has_a_fresh_directory(service: Path, tmp_path: Path) -> None:
    (tmp_path / "given").write_text("given\n")
    status = run(
        "ls; cat given; echo changed > given; touch made; exit 1",
        max_retries=1,
        working_dir=str(tmp_path),
    )
    assert len(status.runs) == 2
    for each in status.runs:
        assert job.get_logs(id=status.id, run=each.name) == "given\ngiven\n"
    assert (tmp_path / "given").read_text() == "given\n"
