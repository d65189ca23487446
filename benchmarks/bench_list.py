"""A page of 50 among 1,000,000 jobs, by state and tag, newest first, beside the bare SQL on the same file."""

from __future__ import annotations

import getpass
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import fill
from measure import ms, seconds, show

from jobs_jupyter import job
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.shelf import Shelf

JOBS = 1_000_000
TIMES = 50
BARE = """
    SELECT jobs.* FROM tags JOIN jobs ON jobs.id = tags.job_id
    WHERE tags.key = ? AND tags.value = ? AND tags.state = ?
      AND jobs.archived_at IS NULL AND jobs.creator_id = ?
    ORDER BY tags.created_at DESC, tags.job_id DESC LIMIT 50
"""
WITHOUT_INDEX_ON_STATE = """
    SELECT jobs.* FROM jobs
    WHERE state = ? AND archived_at IS NULL AND creator_id = ?
      AND id IN (SELECT job_id FROM tags WHERE key = ? AND value = ?)
    ORDER BY created_at DESC LIMIT 50
"""
RUNS = "SELECT * FROM runs WHERE job_id IN ({}) ORDER BY attempt"


def page(home: Path, user: str, key: str, value: str, state: str) -> None:
    """Compare one page."""
    with closing(sqlite3.connect(home / "jobs.db")) as connection:

        def bare() -> None:
            rows = connection.execute(BARE, (key, value, state, user)).fetchall()
            ids = [row[0] for row in rows]
            connection.execute(RUNS.format(", ".join("?" * len(ids))), ids).fetchall()

        def plain() -> None:
            connection.execute(WITHOUT_INDEX_ON_STATE, (state, user, key, value)).fetchall()

        database = Database(home / "jobs.db")
        wanted = queries.Listing(creator_id=user, states=(state,), tags={key: [value]})

        shelf = Shelf()

        def store() -> None:
            with database._reader_engine.begin() as reader:
                queries.page(reader, wanted, shelf)

        def first() -> None:
            with database._reader_engine.begin() as reader:
                queries.page(reader, wanted, Shelf())

        def listed() -> None:
            assert len(list(job.list(state_filter=[state], tags_filter={key: [value]}, max_items=50))) == 50

        for work in (bare, store, first, listed):
            work()
        sql, ours, called = seconds(bare, TIMES), seconds(store, TIMES), seconds(listed, TIMES)
        show(f"page of 50 of 1,000,000, {state} and {key}={value}: the store", f"{ours / sql:.1f} x", "≤ 2 x",
             f"({ms(ours)}, of jobs that were not shown lately {ms(seconds(first, TIMES))}, "
             f"bare SQL {ms(sql)}; {ms(seconds(plain, 3))} as a list would be written without "
             f"its index; job.list {ms(called)})")  # fmt: skip
        database.close()


if __name__ == "__main__":
    home, user = Path(os.environ["JOBS_JUPYTER_HOME"]), getpass.getuser()
    fill.ended_jobs(fill.make(home), JOBS, user)
    page(home, user, "team", "team-3", "SUCCEEDED")
    page(home, user, "team", "team-3", "TERMINATED")
    page(home, user, "model", "model-3", "FAILED")
