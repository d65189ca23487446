"""Compute configs in the database: their versions, and which one a job has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, insert

from jobs_jupyter.models.compute import read_compute_config
from jobs_jupyter.models.errors import ComputeConfigNotFoundError, InvalidRequestError, UnsupportedError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.names import new_compute_config_id
from jobs_jupyter.models.queue import JobQueueSpec
from jobs_jupyter.service.resources import Capacity, Demand
from jobs_jupyter.service.store import compute
from jobs_jupyter.service.store.leases import CAPACITY
from jobs_jupyter.service.store.schema import metadata, queues

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


def add_queue(connection: Connection, name: str, project: str = "default", **spec: Any) -> None:
    made = json.dumps(JobQueueSpec(idle_timeout_s=1, name=name, **spec).to_dict(exclude_unset=True))
    row = {"id": f"{project}-{name}", "name": name, "project": project, "spec": made, "digest": ""}
    more = {"execution_mode": "FIFO", "max_concurrency": 1, "idle_timeout_s": 1, "state": "ACTIVE"}
    rest = {"creator_id": "me", "created_at": 1, "cluster_jobs": 0, "clusters": 0}
    connection.execute(insert(queues), {**row, **more, **rest})


def demand(connection: Connection, **fields: Any) -> Demand | None:
    return compute.demand(connection, JobConfig(entrypoint="true", **fields))


def cpus(connection: Connection, **fields: Any) -> int | None:
    found = demand(connection, **fields)
    return found.cpus if found else None


def target(name: str) -> dict[str, Any]:
    return {"target_job_queue_name": name}


def described(**spec: Any) -> dict[str, Any]:
    return {"job_queue_spec": {"idle_timeout_s": 1, **spec}}


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
    with pytest.raises(ComputeConfigNotFoundError, match=r"'big'; there are none\. Make one"):
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
            demand(connection, compute_config=name)


def test_what_a_job_asks_for(connection: Connection) -> None:
    create(connection, "big", cpus=1)
    create(connection, "big", cpus=2)
    assert demand(connection) is None
    assert demand(connection, compute_config="big") == Demand(2, 8 * GIB, 0)
    assert cpus(connection, compute_config="big:1") == 1
    assert cpus(connection, compute_config={"min_resources": {"CPU": 3}}) == 3
    assert cpus(connection, compute_config={"configs": [{"min_resources": {"CPU": 4}}]}) == 4
    assert demand(connection, compute_config={}) is None
    with pytest.raises(ComputeConfigNotFoundError, match=r"'bog'.*mean 'big'"):
        demand(connection, compute_config="bog")
    create(connection, "huge", cpus=64)
    with pytest.raises(UnsupportedError, match="CPU=64, where jobs have 4"):
        demand(connection, compute_config="huge")


def test_the_queues_compute_config_is_the_jobs_where_it_has_none(connection: Connection) -> None:
    create(connection, "big", cpus=2)
    add_queue(connection, "line", compute_config="big")
    add_queue(connection, "plain")
    add_queue(connection, "line", project="other", compute_config="gone")
    assert cpus(connection, job_queue_config=described(name="new", compute_config="big:1")) == 2
    assert cpus(connection, job_queue_config=described(compute_config="big")) == 2
    assert cpus(connection, job_queue_config=target("line")) == 2
    assert cpus(connection, job_queue_config=described(name="line")) == 2, "what a spec leaves out"
    assert cpus(connection, job_queue_config={"priority": 1}) is None
    for queue in (target("plain"), target("none"), described(name="plain"), described()):
        assert cpus(connection, job_queue_config=queue) is None
        inline = {"min_resources": {"CPU": 3}}
        assert cpus(connection, job_queue_config=queue, compute_config=inline) == 3
    for queue in (described(compute_config="gone"), described(name="line")):
        with pytest.raises(ComputeConfigNotFoundError, match="'gone'"):
            demand(connection, project="other", job_queue_config=queue)


def test_the_jobs_and_the_queues_have_to_match(connection: Connection) -> None:
    for _ in range(2):
        create(connection, "big", cpus=2)
    create(connection, "twin", cpus=2)
    add_queue(connection, "line", compute_config="big")
    same: list[Any] = ["big", "big:2", {"min_resources": {"CPU": 2}}]
    for queue in (target("line"), described(compute_config="big"), described(name="line")):
        assert [cpus(connection, compute_config=own, job_queue_config=queue) for own in same] == [2] * 3
        for other in ("big:1", "twin"):
            full_name = compute.find(connection, other)["name"] + ":1"
            with pytest.raises(InvalidRequestError, match=rf"is '{full_name}', and its queue's is 'big:2'"):
                demand(connection, compute_config=other, job_queue_config=queue)
        with pytest.raises(
            InvalidRequestError, match=r"is \{'min_resources': \{'CPU': 1\}\}, and its queue's"
        ):
            demand(connection, compute_config={"min_resources": {"CPU": 1}}, job_queue_config=queue)
