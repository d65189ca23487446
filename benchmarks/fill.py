"""A state directory with many jobs, written straight into its database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.store.database import Database

SECOND = 1_000_000
BEGAN = 1_700_000_000 * SECOND
CONFIG = json.dumps({"entrypoint": "true", "max_retries": 0})
JOB = ["id", "name", "project", "cloud", "creator_id", "state", "config", "tags", "max_runs", "created_at", "updated_at", "status_updated_at", "started_at", "ended_at", "exit_code", "queue_id", "rank", "turn", "cpus", "due_at"]


def make(home: Path) -> Path:
    """Make an empty state directory, and return its database."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = StatePaths(home).database
    Database(path).close()
    return path


def insert(path: Path, table: str, columns: list[str], rows: Iterator[tuple[object, ...]]) -> None:
    """Add rows to a table."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        places = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)


def ended_jobs(path: Path, count: int, user: str) -> None:
    """Add jobs that have ended, one a second; every fifth failed; tags: one of 10 teams, one of 1,000 models."""

    def tags(n: int) -> dict[str, str]:
        return {"team": f"team-{n % 10}", "model": f"model-{n % 1000}"}

    def job(n: int) -> tuple[object, ...]:
        at = BEGAN + n * SECOND
        state, code = ("FAILED", 1) if n % 5 == 0 else ("SUCCEEDED", 0)
        return (
            f"prodjob_{n:026}", f"job-{n % 5000}", "default", "local", user, state, CONFIG,
            json.dumps(tags(n)), 1, at, at, at, at, at, code, None, 0, at, 1, None,
        )  # fmt: skip

    insert(path, "jobs", JOB, map(job, range(count)))
    insert(
        path,
        "tags",
        ["job_id", "key", "value", "created_at"],
        (
            (f"prodjob_{n:026}", key, value, BEGAN + n * SECOND)
            for n in range(count)
            for key, value in tags(n).items()
        ),
    )
    run = ["name", "job_id", "attempt", "state", "launch", "boot_id", "exit_code", "created_at", "started_at", "ended_at"]
    insert(
        path,
        "runs",
        run,
        (
            (
                f"jobrun_{n:016}", f"prodjob_{n:026}", 1, "FAILED" if n % 5 == 0 else "SUCCEEDED", 1, "",
                int(n % 5 == 0), BEGAN + n * SECOND, BEGAN + n * SECOND, BEGAN + n * SECOND,
            )
            for n in range(count)
        ),
    )  # fmt: skip
