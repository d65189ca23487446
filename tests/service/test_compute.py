"""Compute configs in the database: their versions, and what a name means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from jobs_jupyter.models.compute import read_compute_config
from jobs_jupyter.models.errors import ComputeConfigNotFoundError, InvalidRequestError
from jobs_jupyter.models.names import new_compute_config_id
from jobs_jupyter.service.resources import Capacity
from jobs_jupyter.service.store import compute
from jobs_jupyter.service.store.leases import CAPACITY
from jobs_jupyter.service.store.schema import metadata

GIB = 2**30
MACHINE = Capacity((0, 1, 2, 3), 16 * GIB, ())


@pytest.fixture
def connection() -> Iterator[Connection]:
    yield from database()


def database() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.info[CAPACITY] = MACHINE
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def create(connection: Connection, name: str | None, cpus: int = 1, at: int = 1) -> dict[str, Any]:
    config = read_compute_config({"min_resources": {"CPU": cpus}})
    return compute.create(connection, compute.NewConfig(new_compute_config_id(), name, config, "me"), at)


@given(names=st.lists(st.sampled_from("abc")))
def test_versions_count_from_1_for_each_name(names: list[str]) -> None:
    for connection in database():
        made = [create(connection, name, at=number) for number, name in enumerate(names, 1)]
        for position, (name, row) in enumerate(zip(names, made, strict=True)):
            version = names[: position + 1].count(name)
            assert (row["name"], row["version"]) == (name, version)
            assert compute.find(connection, f"{name}:{version}") == row
        latest = dict(zip(names, made, strict=True))
        assert all(compute.find(connection, name) == row for name, row in latest.items())
        newest = sorted(latest.values(), key=lambda row: str(row["created_at"]), reverse=True)
        assert compute.every(connection, include_archived=False) == newest


def test_a_name_is_made_up_and_an_id_sent_again_makes_no_other(connection: Connection) -> None:
    made = create(connection, None)
    assert made["name"].startswith("compute-")
    again = compute.NewConfig(made["id"], None, read_compute_config(made["config"]), "me")
    assert compute.create(connection, again, 9) == made
    assert compute.every(connection, include_archived=False) == [made]


def test_what_is_not_found_names_what_there_is(connection: Connection) -> None:
    with pytest.raises(ComputeConfigNotFoundError, match=r"'big'; there are none\. Create one first"):
        compute.find(connection, "big")
    for number, name in enumerate(("small", "medium", "bigger")):
        create(connection, name, at=number)
    with pytest.raises(
        ComputeConfigNotFoundError, match=r"are bigger, medium, small\. Did you mean 'bigger'"
    ):
        compute.find(connection, "big")
    with pytest.raises(ComputeConfigNotFoundError, match="'small' has no version 2; its versions: 1"):
        compute.find(connection, "small:2")
    with pytest.raises(ComputeConfigNotFoundError, match=f"no version {10**30}"):
        compute.find(connection, f"small:{10**30}")
    for number in range(4):
        create(connection, f"more{number}", at=10 + number)
    with pytest.raises(ComputeConfigNotFoundError, match="are bigger, more0, more1, more2, more3 and 2 more"):
        compute.archive(connection, "zzz", 1)


def test_an_archived_one_is_found_but_no_job_can_use_it_and_its_name_is_taken(connection: Connection) -> None:
    for _ in range(2):
        create(connection, "big")
    create(connection, "other")
    archived = compute.archive(connection, "big", 5)
    assert compute.archive(connection, "big", 9) == archived
    assert [compute.find(connection, name)["archived_at"] for name in ("big:1", "big:2")] == [
        archived["archived_at"]
    ] * 2
    assert [each["name"] for each in compute.every(connection, include_archived=False)] == ["other"]
    assert len(compute.every(connection, include_archived=True)) == 2
    with pytest.raises(InvalidRequestError, match="'big' is archived, and its name is not used again"):
        create(connection, "big")
    for name in ("big", "big:1"):
        with pytest.raises(InvalidRequestError, match=r"'big' is archived.* there are: other"):
            compute.usable(connection, name)


def test_a_name_without_a_version_is_the_latest_now_or_at_a_time(connection: Connection) -> None:
    for at in (10, 20, 30):
        create(connection, "big", at=at)
    then = {5: "big:3", 10: "big:1", 19: "big:1", 20: "big:2", 99: "big:3"}  # at 5 there was none yet
    assert {at: compute.full_name(connection, "big", at) for at in then} == then
    assert compute.full_name(connection, "big") == "big:3"
    assert compute.full_name(connection, "big:2", 10) == "big:2"
    with pytest.raises(ComputeConfigNotFoundError):
        compute.full_name(connection, "none", 10)
