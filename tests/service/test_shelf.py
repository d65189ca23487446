"""What a list shows is what there is, whatever of it was kept ready."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.service.clock import Clock
from jobs_jupyter.service.store import changes, queries, shelf
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.queries import Listing
from jobs_jupyter.service.store.shelf import Shelf

CHANGES = ("submit", "stop", "tag", "archive", "remove")
ALL = Listing(include_archived=True)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "jobs.db")
    yield opened
    opened.close()


def change(connection: Connection, what: str, number: int, clock: Clock) -> None:
    name = f"prodjob_{number}"
    known = {json.loads(job)["id"]: json.loads(job) for job in queries.page(connection, ALL, Shelf())[0]}
    state = known.get(name, {}).get("state")
    if what == "submit" and state is None:
        config = JobConfig(entrypoint="true")
        new = changes.NewJob(name, "n", "default", "local", "me", config, None, None, counts_as=10**6)
        changes.add_job(connection, new, clock.now())
    elif what == "stop" and state is not None:
        changes.request_stop(connection, name, clock.now())
    elif what == "tag" and state is not None:
        changes.set_tags(connection, name, {"at": str(clock.now())}, clock.now())
    elif what == "archive" and state == "TERMINATED":
        changes.archive(connection, name, clock.now())
    elif what == "remove" and state == "TERMINATED":
        changes.remove(connection, name, clock.now())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 3)), max_size=25), st.sampled_from([1, 2000])
)
def test_a_page_is_the_same_with_and_without_it(
    database: Database, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]], most: int
) -> None:
    monkeypatch.setattr(shelf, "MOST_JOBS", most)
    kept, clock = Shelf(), Clock()
    with database._writer_engine.connect() as connection:
        transaction = connection.begin()
        for what, number in steps:
            change(connection, what, number, clock)
            assert queries.page(connection, ALL, kept) == queries.page(connection, ALL, Shelf())
            assert len(kept._kept) <= most
        transaction.rollback()


def test_only_jobs_that_have_ended_are_kept(database: Database) -> None:
    kept, clock = Shelf(), Clock()
    with database._writer_engine.begin() as connection:
        for number in range(2):
            change(connection, "submit", number, clock)
        change(connection, "stop", 0, clock)
        queries.page(connection, ALL, kept)
    (text,) = kept._kept.values()
    found: dict[str, Any] = json.loads(text)
    assert (found["id"], found["state"]) == ("prodjob_0", "TERMINATED")
