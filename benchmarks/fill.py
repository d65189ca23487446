"""A state directory with many jobs, written straight into its database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.store.database import Database

SECOND = 1_000_000
BEGAN = 1_700_000_000 * SECOND
CONFIG = json.dumps({"entrypoint": "true", "max_retries": 0})
ENDS = ("SUCCEEDED", "SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "TERMINATED")


def make(home: Path) -> Path:
    """Make an empty state directory, and return its database."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = StatePaths(home).database
    Database(path).close()
    return path


def insert(path: Path, table: str, rows: Iterable[dict[str, object]]) -> None:
    """Add rows to a table."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        stream = iter(rows)
        first = next(stream)
        names = ", ".join(first)
        places = ", ".join(f":{name}" for name in first)
        statement = f"INSERT INTO {table} ({names}) VALUES ({places})"
        connection.execute(statement, first)
        connection.executemany(statement, stream)


def ended_jobs(path: Path, count: int, user: str) -> None:
    """Add jobs that have ended, one a second, with two tags: one of 10 teams and one of 1,000 models."""
    insert(path, "jobs", (ended_job(n, user) for n in range(count)))
    insert(path, "runs", (ended_run(n) for n in range(count)))
    insert(
        path,
        "tags",
        (
            {
                "job_id": job_id(n),
                "key": key,
                "value": value,
                "created_at": at(n),
                "state": ENDS[n % len(ENDS)],
            }
            for n in range(count)
            for key, value in tags(n).items()
        ),
    )


def job_id(n: int) -> str:
    return f"prodjob_{n:026}"


def at(n: int) -> int:
    return BEGAN + n * SECOND


def tags(n: int) -> dict[str, str]:
    return {"team": f"team-{n % 10}", "model": f"model-{n % 1000}"}


def ended_job(n: int, user: str) -> dict[str, object]:
    state = ENDS[n % len(ENDS)]
    times = ("created_at", "updated_at", "status_updated_at", "started_at", "ended_at", "turn")
    return {
        **dict.fromkeys(times, at(n)),
        "id": job_id(n),
        "name": f"job-{n % 5000}",
        "project": "default",
        "cloud": "local",
        "creator_id": user,
        "state": state,
        "config": CONFIG,
        "tags": json.dumps(tags(n)),
        "max_runs": 1,
        "exit_code": int(state != "SUCCEEDED"),
        "rank": 0,
        "cpus": 1,
    }


def ended_run(n: int) -> dict[str, object]:
    state = ENDS[n % len(ENDS)]
    return {
        **dict.fromkeys(("created_at", "started_at", "ended_at"), at(n)),
        "name": f"jobrun_{n:016}",
        "job_id": job_id(n),
        "attempt": 1,
        "state": "SUCCEEDED" if state == "SUCCEEDED" else "FAILED",
        "launch": 1,
        "boot_id": "",
        "exit_code": int(state != "SUCCEEDED"),
    }
