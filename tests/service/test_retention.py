"""Which things are beyond the limits, and what the database says of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from jobs_jupyter.models.settings import JobRetention, PackageRetention
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.retention import DAY, SPARED_S, Limits, beyond
from jobs_jupyter.service.store import packages, retention
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.retention import NEWEST_EVENTS, Used
from jobs_jupyter.service.store.schema import events, job_packages, jobs

A, B, C, D = (letter * 64 for letter in "abcd")
NOW = 1000 * DAY
HOUR = SPARED_S * SECOND


def used(name: str, days_ago: float, *, in_use: bool = False) -> Used:
    return Used(name, name, int(NOW - days_ago * DAY), in_use)


def gone(items: list[tuple[Used, int]], **limits: Any) -> dict[str, str]:
    return {item.id: why for item, _, why in beyond(items, Limits.of(JobRetention(**limits)), NOW)}


def test_each_limit() -> None:
    items = [(used("fresh", 0.01), 500), (used("a", 1), 10), (used("b", 2), 20), (used("c", 3), 30)]
    assert gone(items) == {}
    assert gone(items, max_age_days=1.5) == {"c": "older than 1.5 days", "b": "older than 1.5 days"}
    assert list(gone(items, max_age_days=1.5)) == ["c", "b"], "the oldest first"
    assert gone(items, max_count=3) == {"c": "beyond the latest 3"}
    assert gone(items, max_size=530) == {"c": "beyond 530 B"}
    assert list(gone(items, max_size=1)) == ["c", "b", "a"], "what is fresh is spared"
    assert list(gone(items, max_count=0)) == ["c", "b", "a"]
    assert Limits.of(PackageRetention()).any
    assert not Limits.of(JobRetention()).any


def test_what_is_in_use_counts_and_is_spared() -> None:
    items = [(used("used", 9, in_use=True), 100), (used("a", 1), 10), (used("b", 2), 20)]
    assert list(gone(items, max_size=115)) == ["b"]
    assert list(gone(items, max_age_days=0.5)) == ["b", "a"]


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans())),
    st.none() | st.integers(0, 10),
    st.none() | st.integers(1, 300),
    st.none() | st.integers(1, 40),
)
def test_what_is_kept_is_within_the_limits(
    drawn: list[tuple[int, int, bool]], count: int | None, size: int | None, days: int | None
) -> None:
    """As plainly as it can be said: nothing spared goes, nothing more goes than has to."""
    items = [(used(str(n), age, in_use=busy), bytes_) for n, (age, bytes_, busy) in enumerate(sorted(drawn))]
    went = gone(items, max_count=count, max_size=size, max_age_days=days)
    kept = [(item, bytes_) for item, bytes_ in items if item.id not in went]
    spared = [item.id for item, _ in items if item.in_use or item.used_at > NOW - HOUR]
    assert not set(spared) & set(went)
    loose = [item for item, _ in kept if item.id not in spared]
    if days is not None:
        assert all(item.used_at >= NOW - days * DAY for item in loose)
    if count is not None and loose:
        assert len(kept) <= count or items.index(next(i for i in items if i[0] is loose[-1])) < count
    if size is not None and loose:
        last = next(n for n, (item, _) in enumerate(items) if item is loose[-1])
        assert sum(bytes_ for _, bytes_ in items[: last + 1]) <= size
    if count is None and size is None and days is None:
        assert went == {}


@pytest.fixture
def database(tmp_path: Path) -> Any:
    opened = Database(tmp_path / "jobs.db")
    yield opened
    opened.close()


def add_job(connection: Any, name: str, state: str, at: int, package: str | None = None) -> None:
    row = dict.fromkeys(("project", "cloud", "creator_id", "config"), "") | {"tags": "{}", "max_runs": 1}
    times = dict.fromkeys(("created_at", "updated_at", "status_updated_at"), at)
    ended = {"ended_at": at} if state == "SUCCEEDED" else {}
    connection.execute(insert(jobs).values(id=name, name=name, state=state, **row, **times, **ended))
    if package is not None:
        connection.execute(insert(job_packages).values(job_id=name, package=package))


def test_packages_of_jobs_stay(database: Database) -> None:
    def fill(connection: Any) -> None:
        packages.add_package(connection, "of-job", [A, C], 1)
        packages.add_package(connection, "idle", [B, C], 2)
        packages.add_package(connection, "again", [D], 3)
        packages.add_package(connection, "again", [D], 9)
        add_job(connection, "one", "SUCCEEDED", 5, "of-job")
        add_job(connection, "two", "RUNNING", 6)

    async def look() -> None:
        await database.write(fill)
        assert [job.id for job in await database.read(retention.ended_jobs)] == ["one"]
        known = await database.read(retention.every_package)
        assert [(p.id, p.used_at, p.in_use) for p in known] == [
            ("again", 9, False),
            ("idle", 2, False),
            ("of-job", 1, True),
        ]
        assert await database.write(retention.evict_package, "of-job", 99) is None
        assert await database.write(retention.evict_package, "again", 9) is None
        assert await database.write(retention.evict_package, "idle", 9) == [B]
        assert sorted(await database.read(retention.blobs_of_packages)) == ["again", "of-job"]

    asyncio.run(look())


def test_old_events_go_and_each_jobs_newest_stay(database: Database) -> None:
    def fill(connection: Any) -> None:
        for at in range(3 * NEWEST_EVENTS):
            for job in ("many", "few") if at < 5 else ("many",):
                view = json.dumps({"id": job, "at": at})
                connection.execute(insert(events).values(job_id=job, kind="run", at=at, view=view))

    async def look() -> None:
        await database.write(fill)
        assert await database.read(retention.jobs_with_old_events) == ["many"]
        assert await database.write(retention.drop_old_events, "many", 150) == 150
        assert await database.write(retention.drop_old_events, "many", 10**9) == 50
        assert await database.write(retention.drop_old_events, "many", 10**9) == 0
        rows = await database.read(lambda connection: connection.execute(select(events)).all())
        assert [row.at for row in rows if row.job_id == "many"] == list(range(200, 300))
        assert sum(row.job_id == "few" for row in rows) == 5

    asyncio.run(look())
