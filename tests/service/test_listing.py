"""Paging over any jobs in any order gives what sorting and filtering all of them gives."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.queries import SORT_COLUMNS, Listing
from jobs_jupyter.service.store.schema import jobs, tags
from jobs_jupyter.service.store.shelf import Shelf

WORDS = ("a", "B", "b", "ä", "")
STATES = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED", "TERMINATED")
TIMES = st.integers(1, 4)
JOBS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(0, 10**6).map(lambda number: f"prodjob_{number:07}"),
            "name": st.sampled_from(WORDS),
            "project": st.sampled_from(("default", "p")),
            "creator_id": st.sampled_from(("me", "you")),
            "state": st.sampled_from(STATES),
            "created_at": TIMES,
            "updated_at": TIMES,
            "status_updated_at": TIMES,
            "ended_at": st.none() | TIMES,
            "archived_at": st.none() | TIMES,
            "tags": st.dictionaries(st.sampled_from(("k", "l")), st.sampled_from(("x", "y"))),
        }
    ),
    max_size=12,
    unique_by=lambda job: job["id"],
)
BOUNDS = st.tuples(st.none() | TIMES, st.none() | TIMES)
LISTINGS = st.builds(
    Listing,
    creator_id=st.none() | st.just("me"),
    name=st.none() | st.sampled_from(WORDS),
    project=st.none() | st.just("p"),
    include_archived=st.booleans(),
    states=st.none() | st.lists(st.sampled_from(STATES), min_size=1).map(tuple),
    tags=st.dictionaries(st.sampled_from("kl"), st.lists(st.sampled_from("xyz"), min_size=1), max_size=2),
    between=st.dictionaries(st.sampled_from(("created_at", "updated_at", "status_updated_at")), BOUNDS),
    sort_field=st.sampled_from(sorted(SORT_COLUMNS)),
    descending=st.booleans(),
    page_size=st.integers(1, 5),
)
Job = dict[str, Any]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with tempfile.TemporaryDirectory() as folder:
        opened = Database(Path(folder) / "jobs.db")
        yield opened
        opened.close()


def add(connection: Connection, new: list[Job]) -> None:
    for job in new:
        rest = {"cloud": "local", "config": '{"entrypoint": "true"}', "max_runs": 1, "tags": "{}"}
        connection.execute(insert(jobs).values({**rest, **job, "tags": "{}"}))
        for key, value in job["tags"].items():
            row = {"job_id": job["id"], "key": key, "value": value}
            row |= {name: job[name] for name in ("created_at", "state")}
            connection.execute(insert(tags).values(row))


def matches(job: Job, listing: Listing) -> bool:
    exact = {"creator_id": listing.creator_id, "name": listing.name, "project": listing.project}
    return (
        all(value is None or job[field] == value for field, value in exact.items())
        and (listing.include_archived or job["archived_at"] is None)
        and (listing.states is None or job["state"] in listing.states)
        and all(job["tags"].get(key) in values for key, values in listing.tags.items())
        and all(
            (low is None or job[field] >= low) and (high is None or job[field] <= high)
            for field, (low, high) in listing.between.items()
        )
    )


def expected(known: list[Job], listing: Listing) -> list[str]:
    field = SORT_COLUMNS[listing.sort_field].key
    found = [job for job in known if matches(job, listing)]
    with_value = [job for job in found if job[field] is not None]
    without = [job for job in found if job[field] is None]
    with_value.sort(key=lambda job: (job[field], job["id"]), reverse=listing.descending)
    without.sort(key=lambda job: str(job["id"]), reverse=listing.descending)
    return [job["id"] for job in with_value + without]


def pages(connection: Connection, listing: Listing) -> Iterator[list[str]]:
    while True:
        shown, cursor = queries.page(connection, listing, Shelf())
        yield [json.loads(job)["id"] for job in shown]
        if cursor is None:
            return
        listing = replace(listing, cursor=cursor)


@settings(max_examples=150)
@given(JOBS, LISTINGS)
def test_pages_are_the_sorted_and_filtered_jobs(
    database: Database, known: list[Job], listing: Listing
) -> None:
    with database._writer_engine.connect() as connection, connection.begin() as transaction:
        add(connection, known)
        found = list(pages(connection, listing))
        assert [job_id for page in found for job_id in page] == expected(known, listing)
        assert all(len(page) == listing.page_size for page in found[:-1])
        assert found[-1] or len(found) == 1, "the last page is not an empty one"
        transaction.rollback()


@settings(max_examples=150)
@given(JOBS, LISTINGS, st.randoms(use_true_random=False))
def test_jobs_that_come_and_go_meanwhile_neither_repeat_nor_drop_others(
    database: Database, known: list[Job], listing: Listing, random: Any
) -> None:
    before, meanwhile = known[::2], known[1::2]
    gone = {job["id"] for job in before if random.random() < 0.2}
    with database._writer_engine.connect() as connection, connection.begin() as transaction:
        add(connection, before)
        found: list[str] = []
        for number, page in enumerate(pages(connection, listing)):
            if number == 0:
                add(connection, meanwhile)
                connection.execute(delete(jobs).where(jobs.c.id.in_(gone - set(page))))
            found += page
        assert len(set(found)) == len(found)
        stayed = [job_id for job_id in expected(before, listing) if job_id not in gone]
        assert [job_id for job_id in found if job_id in stayed] == stayed
        transaction.rollback()


def test_a_cursor_that_is_none_of_ours_is_refused(database: Database) -> None:
    with database._writer_engine.connect() as connection:
        for content in (b"", b"1", b"[1]", b"[[1], 2]", b'[{}, "x"]', b"\xff", b"[1.5, 2]"):
            cursor = base64.urlsafe_b64encode(content).decode() or "x"
            with pytest.raises(InvalidRequestError, match="not a cursor"):
                queries.page(connection, Listing(cursor=cursor), Shelf())
        with pytest.raises(InvalidRequestError):
            queries.page(connection, Listing(cursor="ü"), Shelf())
