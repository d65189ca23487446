"""`jupyter jobs gc`, and what the service deletes by itself."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.packages import upload
from jobs_jupyter.job.models import JobQueueConfig, JobQueueSpec
from jobs_jupyter.packaging.directory import snapshot
from tests.cli.conftest import Call
from tests.jobs import ended, eventually, run, running, submit
from tests.wheels import wheel

DAY = 86400 * 1_000_000


def age(home: Path, days: int, *job_ids: str) -> None:
    """Let jobs, or all packages that no job needs, be last used so many days earlier."""
    with closing(sqlite3.connect(home / "jobs.db")) as database:
        for job_id in job_ids:
            database.execute("UPDATE jobs SET ended_at = ended_at - ? WHERE id = ?", (days * DAY, job_id))
        if not job_ids:
            database.execute("UPDATE packages SET created_at = created_at - ?", (days * DAY,))
        database.commit()


def test_jobs_and_packages_beyond_the_limits(service: Path, tmp_path: Path, call: Call) -> None:
    service.mkdir(mode=0o700)
    (service / "config.yaml").write_text("retention: {jobs: {max_age_days: 2, max_count: 2}}\n")
    (tmp_path / "data").write_text("x" * 5000)
    packaged = run("true", name="packaged", working_dir=str(tmp_path)).id
    (tmp_path / "data").write_text("y" * 9000)
    taken = snapshot(tmp_path)
    upload(taken)
    others = [run("head -c 100000 /dev/zero", name=f"job-{n}").id for n in range(3)]
    active = running(submit("sleep 600"))
    assert call("gc").err == "There is nothing to delete.\n", "what is fresh is spared"

    age(service, 3, packaged, others[0])
    age(service, 1, others[1])
    age(service, 8)
    planned = call("gc", "--dry-run", "--json").json
    found = [(entry["kind"], entry["name"], entry["why"]) for entry in planned["deleted"]]
    assert found == [
        ("job", "packaged", "older than 2 days"),
        ("job", "job-0", "older than 2 days"),
        ("package", "", "older than 7 days"),
    ]
    assert planned["deleted"][1]["bytes"] >= 100_000
    assert planned["deleted"][2]["bytes"] >= 9000
    assert planned["bytes"] == sum(entry["bytes"] for entry in planned["deleted"])
    assert job.status(id=packaged).state == "SUCCEEDED", "a dry run deletes nothing"

    done = call("gc")
    assert [line.split()[:2] for line in done.out.splitlines()[1:3]] == [
        ["job", packaged],
        ["job", others[0]],
    ]
    assert done.err.startswith("Freed ")
    assert {each.id for each in job.list()} == {active, *others[1:]}
    assert [path for path in (service / "packages").rglob("*") if path.is_file()] == []
    assert not (service / "jobs" / packaged).exists()

    age(service, 3, others[1])
    client_service.stop()
    assert eventually(lambda: {each.id for each in job.list()} == {active, others[2]}), "when it starts"


def test_environments_that_no_job_uses_or_waits_for(service: Path, tmp_path: Path, call: Call) -> None:
    for name in ("used", "awaited", "idle"):
        wheel(tmp_path / "wheels", name, "1.0")
    variables = {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(tmp_path / "wheels"),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    spec = JobQueueConfig(job_queue_spec=JobQueueSpec(name="one", idle_timeout_s=60))

    def needing(name: str, command: str = "true") -> str:
        return submit(command, requirements=[name], env_vars=variables, job_queue_config=spec)

    for name in ("idle", "awaited"):
        assert ended(needing(name)).state == "SUCCEEDED"
    running(needing("used", "sleep 600"))
    needing("awaited")
    for record in service.glob("environments/*.json"):
        os.utime(record, (1e9, 1e9))
    (gone,) = call("gc", "--dry-run", "--json").json["deleted"]
    assert (gone["kind"], gone["name"], gone["why"]) == ("environment", "idle", "older than 30 days")
    assert gone["bytes"] > 1000
    assert len(list(service.glob("environments/builds/*"))) == 3
    assert "idle" in call("gc").out
    assert len(list(service.glob("environments/builds/*"))) == 2
    assert call("gc").err == "There is nothing to delete.\n"
