"""What a job asks for: its own compute config, its queue's, and what is refused of both."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection

from jobs_jupyter.models.errors import (
    ComputeConfigNotFoundError,
    InvalidRequestError,
    JobQueueNotFoundError,
    UnsupportedError,
)
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.service.resources import Demand
from jobs_jupyter.service.store import asked, compute, job_queues, line, queue_pages
from jobs_jupyter.service.store.queue_pages import QueueListing
from tests.service.test_compute import GIB, connection, create

__all__ = ["connection"]


def queue(
    connection: Connection, name: str | None, at: int = 1, project: str = "default", **spec: Any
) -> str:
    """Have a job make the queue, and return its id."""
    made = described(name=name, **spec)
    row = line.join(
        connection, JobConfig.from_dict({"entrypoint": "true", "job_queue_config": made}), project, "me", at
    )
    assert row is not None
    return str(row.id)


def demand(connection: Connection, project: str = "default", **fields: Any) -> Demand | None:
    return asked.demand(connection, JobConfig(entrypoint="true", **fields), project)


def cpus(connection: Connection, **fields: Any) -> int | None:
    found = demand(connection, **fields)
    return found.cpus if found else None


def target(name: str) -> dict[str, Any]:
    return {"target_job_queue_name": name}


def described(**spec: Any) -> dict[str, Any]:
    return {"job_queue_spec": {"idle_timeout_s": 1, **spec}}


def test_what_a_job_asks_for(connection: Connection) -> None:
    create(connection, "big", cpus=1)
    create(connection, "big", cpus=2)
    assert demand(connection) is None
    assert demand(connection, compute_config="big") == Demand(2, 8 * GIB, 0)
    assert cpus(connection, compute_config="big:1") == 1
    assert cpus(connection, compute_config={"min_resources": {"CPU": 3}}) == 3
    assert cpus(connection, compute_config={"configs": [{"min_resources": {"CPU": 4}}]}) == 4
    assert demand(connection, compute_config={}) is None
    with pytest.raises(ComputeConfigNotFoundError, match=r"'bigg'.*mean 'big'"):
        demand(connection, compute_config="bigg")
    create(connection, "huge", cpus=64)
    with pytest.raises(UnsupportedError, match="CPU=64, where jobs have 4"):
        demand(connection, compute_config="huge")


def test_the_queues_compute_config_is_the_jobs_where_it_has_none(connection: Connection) -> None:
    create(connection, "big", cpus=2)
    queue(connection, "line", compute_config="big")
    queue(connection, "plain")
    assert cpus(connection, job_queue_config=described(name="new", compute_config="big:1")) == 2
    assert cpus(connection, job_queue_config=described(compute_config="big")) == 2
    assert cpus(connection, job_queue_config=target("line")) == 2
    assert cpus(connection, job_queue_config=described(name="line")) == 2, "what a spec leaves out"
    assert cpus(connection, job_queue_config={}) is None
    for wanted in (target("plain"), described(name="plain"), described()):
        assert cpus(connection, job_queue_config=wanted) is None
        inline = {"min_resources": {"CPU": 3}}
        assert cpus(connection, job_queue_config=wanted, compute_config=inline) == 3
    with pytest.raises(ComputeConfigNotFoundError, match="'gone'"):
        demand(connection, job_queue_config=described(compute_config="gone"))
    assert cpus(connection, project="other", job_queue_config=described(name="line")) is None, "another queue"


def test_the_jobs_and_the_queues_have_to_match(connection: Connection) -> None:
    for _ in range(2):
        create(connection, "big", cpus=2)
    create(connection, "twin", cpus=2)
    queue(connection, "line", compute_config="big")
    same: list[Any] = ["big", "big:2", {"min_resources": {"CPU": 2}}]
    for wanted in (target("line"), described(compute_config="big"), described(name="line")):
        assert [cpus(connection, compute_config=own, job_queue_config=wanted) for own in same] == [2] * 3
        for other in ("big:1", "twin"):
            full_name = compute.find(connection, other)["name"] + ":1"
            with pytest.raises(InvalidRequestError, match=rf"is '{full_name}', and its queue's is 'big:2'"):
                demand(connection, compute_config=other, job_queue_config=wanted)
        with pytest.raises(
            InvalidRequestError, match=r"is \{'min_resources': \{'CPU': 1\}\}, and its queue's"
        ):
            demand(connection, compute_config={"min_resources": {"CPU": 1}}, job_queue_config=wanted)


def test_a_queue_stays_with_the_version_that_was_the_latest_when_it_was_made(connection: Connection) -> None:
    create(connection, "big", cpus=1, at=10)
    made = queue(connection, "line", compute_config="big", at=15)
    numbered = queue(connection, "numbered", compute_config="big:1", at=15)
    create(connection, "big", cpus=2, at=20)
    for joining in (target("line"), described(name="line"), described(name="line", compute_config="big")):
        assert cpus(connection, job_queue_config=joining) == 1
    for name, queue_id in (("line", made), ("numbered", numbered)):
        for same in ("big", "big:1"):
            assert queue(connection, name, compute_config=same, at=30) == queue_id
        with pytest.raises(
            InvalidRequestError, match=r"compute_config='big:1'; this job's spec has compute_config='big:2'"
        ):
            queue(connection, name, compute_config="big:2", at=30)
    with pytest.raises(InvalidRequestError, match="is 'big:2', and its queue's is 'big:1'"):
        demand(connection, compute_config="big", job_queue_config=target("line"))
    later = queue(connection, "later", compute_config="big:1", at=30)
    assert queue(connection, "later", compute_config="big:1", at=30) == later
    with pytest.raises(InvalidRequestError, match="this job's spec has compute_config='big:2'"):
        queue(connection, "later", compute_config="big", at=30)


def test_a_spec_without_a_name_is_its_content_with_the_version(connection: Connection) -> None:
    create(connection, "big", at=10)
    first = queue(connection, None, compute_config="big", at=15)
    assert queue(connection, None, compute_config="big:1", at=15) == first
    assert queue(connection, None, compute_config="big", execution_mode="LIFO", at=15) != first
    create(connection, "big", at=20)
    assert queue(connection, None, compute_config="big:1", at=25) == first
    second = queue(connection, None, compute_config="big", at=25)
    assert second not in (first, queue(connection, None, at=25))
    assert queue(connection, None, compute_config="big:2", at=25) == second


def test_a_queue_that_can_not_be_had_is_refused(connection: Connection) -> None:
    sealed = queue(connection, "sealed")
    job_queues.seal(connection, sealed)
    queue(connection, "line", max_concurrency=2)
    refused: list[tuple[dict[str, Any], type[Exception], str]] = [
        (target("lime"), JobQueueNotFoundError, "its queues: line, sealed. Did you mean 'line'"),
        (target("sealed"), InvalidRequestError, "'sealed' is archived"),
        (described(name="sealed"), InvalidRequestError, "'sealed' is archived"),
        (described(name="line", max_concurrency=5), InvalidRequestError, "max_concurrency=2; this job's"),
        ({"priority": 5}, InvalidRequestError, "priority=5 is a place in a queue"),
    ]
    before = queue_pages.page(connection, QueueListing())[0]
    for wanted, kind, said in refused:
        with pytest.raises(kind, match=said):
            demand(connection, job_queue_config=wanted)
    demand(connection, job_queue_config=described(name="new"))
    assert queue_pages.page(connection, QueueListing())[0] == before, "asking makes none"


def test_a_queue_is_found_within_its_project_alone(connection: Connection) -> None:
    here, there = queue(connection, "line"), queue(connection, "line", project="other")
    queue(connection, "elsewhere", project="other")
    assert here != there
    assert job_queues.find(connection, "line", "other")["id"] == there
    with pytest.raises(JobQueueNotFoundError, match="'elsewhere' in the project 'default'; its queues: line"):
        demand(connection, job_queue_config=target("elsewhere"))
    with pytest.raises(InvalidRequestError, match="idle_timeout_s=1; this job's spec has idle_timeout_s=2"):
        demand(connection, project="other", job_queue_config=described(name="elsewhere", idle_timeout_s=2))
    assert demand(connection, job_queue_config=described(name="elsewhere", idle_timeout_s=2)) is None


def test_a_spec_without_a_name_is_its_content(connection: Connection) -> None:
    """Not which of it was said: a default that is given is the same as one that is left out."""
    plain = queue(connection, None)
    same: list[dict[str, Any]] = [
        {"max_concurrency": 1},
        {"execution_mode": "FIFO"},
        {"compute_config": None},
    ]
    assert [queue(connection, None, **spec) for spec in same] == [plain] * 3
    others: list[dict[str, Any]] = [
        {"max_concurrency": 2},
        {"execution_mode": "LIFO"},
        {"auto_termination_threshold_job_count": 9},
    ]
    found = {queue(connection, None, **spec) for spec in others} | {queue(connection, None, project="other")}
    assert len(found | {plain}) == 5


def test_a_spec_is_compared_with_the_queue_as_it_is_now(connection: Connection) -> None:
    made = queue(connection, "line", max_concurrency=2)
    job_queues.change(connection, made, {"max_concurrency": 5, "idle_timeout_s": 9})
    with pytest.raises(
        InvalidRequestError,
        match=r"'line' has idle_timeout_s=9, max_concurrency=5; this job's spec has idle_timeout_s=1, max",
    ):
        queue(connection, "line", max_concurrency=3)
    assert queue(connection, "line", max_concurrency=2) == made, "it was made with that"
    assert queue(connection, "line", idle_timeout_s=9, max_concurrency=5) == made
    assert queue(connection, "line", idle_timeout_s=9) == made, "what is left out does not count"
    with pytest.raises(InvalidRequestError, match=r"has auto_termination_threshold_job_count=None; .*=3"):
        queue(connection, "line", idle_timeout_s=9, auto_termination_threshold_job_count=3)
