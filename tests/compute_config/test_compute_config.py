"""Compute configs against a running service, and jobs that use them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs_jupyter import compute_config, job, job_queue
from jobs_jupyter.client.http import client
from jobs_jupyter.compute_config.models import (
    ComputeConfig,
    ComputeConfigVersion,
    HeadNodeConfig,
    MultiResourceComputeConfig,
    RequiredResources,
)
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec
from jobs_jupyter.models.errors import (
    ComputeConfigNotFoundError,
    InvalidRequestError,
    JobQueueNotFoundError,
    UnsupportedError,
)
from tests.jobs import ended, submit

NEED = RequiredResources(CPU=1, memory="64Mi")
SMALL = ComputeConfig(head_node=HeadNodeConfig(required_resources=NEED))


def test_create_get_list_archive(service: Path) -> None:
    assert compute_config.list() == []
    assert [compute_config.create(SMALL, name="small") for _ in range(2)] == ["small:1", "small:2"]
    several = MultiResourceComputeConfig(configs=[SMALL])
    assert compute_config.create(several.to_dict(), name="größe/1%") == "größe/1%:1"
    made_up = compute_config.create({"worker_nodes": []})

    first, latest = compute_config.get("small:1"), compute_config.get("small")
    assert (first.version, latest.version, latest.name) == (1, 2, "small:2")
    assert (first.config, first.archived_at) == (SMALL, None)
    assert first.id != latest.id
    assert first.created_at <= latest.created_at
    assert compute_config.get("größe/1%").config == several
    assert compute_config.get(made_up).config == ComputeConfig(worker_nodes=[])
    assert ComputeConfigVersion.from_dict(latest.to_dict()) == latest
    assert [each.name for each in compute_config.list()] == [made_up, "größe/1%:1", "small:2"]

    for _ in range(2):
        compute_config.archive("small")
    for name in ("small", "small:1"):
        assert compute_config.get(name, include_archived=True).archived_at is not None
        with pytest.raises(ComputeConfigNotFoundError, match="'small' is archived"):
            compute_config.get(name)
    assert [each.name for each in compute_config.list()] == [made_up, "größe/1%:1"]
    assert len(compute_config.list(include_archived=True)) == 3
    with pytest.raises(InvalidRequestError, match="name is not used again"):
        compute_config.create(SMALL, name="small")
    for ask in (compute_config.get, compute_config.archive):
        with pytest.raises(ComputeConfigNotFoundError, match="no compute config 'smal'"):
            ask("smal")


def test_what_is_archived_comes_back(service: Path) -> None:
    for _ in range(2):
        compute_config.create(SMALL, name="small")
    compute_config.archive("small", cloud="local")
    assert compute_config.get("small", include_archived=True).archived_at is not None, "all versions are"
    for _ in range(2):
        compute_config.unarchive("small")
        assert [compute_config.get(each).archived_at for each in ("small:1", "small:2")] == [None, None]
    assert ended(submit("true", compute_config="small:1")).state == "SUCCEEDED"
    assert compute_config.create(SMALL, name="small") == "small:3"
    for ask in (compute_config.archive, compute_config.unarchive, compute_config.get):
        with pytest.raises(ComputeConfigNotFoundError, match="no compute config 'smal'"):
            ask("smal")
        with pytest.raises(ValueError, match="no cloud 'nope'"):
            ask("small", cloud="nope")


def test_lists(service: Path) -> None:
    for name in ("b", "c", "a", "b"):
        compute_config.create(SMALL, name=name)

    def names(**asked: Any) -> list[str]:
        return [each.name for each in compute_config.list(**asked)]

    assert names() == ["b:2", "a:1", "c:1"]
    assert names(sort_by="name", sort_order="asc") == ["a:1", "b:2", "c:1"]
    assert names(sort_by="last_modified_at", sort_order="ASC", max_items=2) == ["c:1", "a:1"]
    assert names(name="b", cloud_name="local") == ["b:2"]
    for wrong, said in (
        ({"sort_by": "size"}, "use one of name, created_at, last_modified_at"),
        ({"sort_order": "up"}, "ASC, DESC"),
        ({"max_items": 0}, "at least 1"),
        ({"cloud_name": "nope"}, "no cloud 'nope'"),
    ):
        with pytest.raises(ValueError, match=said):
            names(**wrong)


def test_the_default_is_what_a_job_without_one_has(service: Path) -> None:
    default = compute_config.get_default()
    assert (default.name, default.config) == ("local-default:1", ComputeConfig())
    assert compute_config.get_default(cloud="local", cloud_resource="local") == default
    named, plain = submit("true", compute_config=default.name), submit("true")
    assert ended(named).state == ended(plain).state == "SUCCEEDED"
    assert stored(service, named) == stored(service, plain)
    for fields in ({"cloud": "nope"}, {"cloud_resource": "nope"}):
        with pytest.raises(ValueError, match="'nope'"):
            compute_config.get_default(**fields)
    for change in (lambda: compute_config.create(SMALL, name="local-default"),
                   lambda: compute_config.archive("local-default")):  # fmt: skip
        with pytest.raises(InvalidRequestError, match="of jobs which name none"):
            change()


def test_what_jobs_are_admitted_with(service: Path, tmp_path: Path) -> None:
    compute_config.create(SMALL, name="small")
    named = submit("true", compute_config="small")
    inline = submit("true", compute_config=ComputeConfig(min_resources={"memory": 2**27}))
    given = JobQueueConfig(job_queue_spec=JobQueueSpec(idle_timeout_s=1, name="line", compute_config="small"))
    first = submit("true", job_queue_config=given)
    targeted = submit("true", job_queue_config=JobQueueConfig(target_job_queue_name="line"))
    plain = JobQueueSpec(idle_timeout_s=1, name="line")
    joined = submit("true", job_queue_config=JobQueueConfig(job_queue_spec=plain))
    nothing = submit("true")
    wanted = {
        named: (1, 2**26, 0),
        inline: (1, 2**27, 0),
        first: (1, 2**26, 0),
        targeted: (1, 2**26, 0),
        joined: (1, 2**26, 0),
    }
    for job_id, demand in wanted.items():
        assert ended(job_id).state == "SUCCEEDED"
        assert stored(service, job_id) == demand
    assert job.status(id=named).config.compute_config == "small"
    assert stored(service, nothing)[1:] == (None, None)

    # what can't be met is refused before anything is packaged, and leaves nothing
    big: dict[str, Any] = {"min_resources": {"CPU": 512}}
    refused: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"compute_config": big}, UnsupportedError, "CPU=512, where jobs have"),
        ({"compute_config": "smal"}, ComputeConfigNotFoundError, "Did you mean 'small'"),
        ({"compute_config": "small:9"}, ComputeConfigNotFoundError, "has no version 9; its versions: 1"),
        ({"compute_config": big, "job_queue_config": given}, InvalidRequestError, "have to match"),
        (queue_with("smal"), ComputeConfigNotFoundError, "Did you mean 'small'"),
    ]
    before = len(list(job.list()))
    (tmp_path / "link").symlink_to("/etc/hosts")  # which can't be packaged
    for fields, kind, said in refused:
        with pytest.raises(kind, match=said):
            submit("true", working_dir=str(tmp_path), **fields)
    compute_config.archive("small")
    for fields in ({"compute_config": "small:1"}, {"job_queue_config": given}):
        with pytest.raises(InvalidRequestError, match="'small' is archived"):
            submit("true", **fields)
    assert len(list(job.list())) == before
    with pytest.raises(JobQueueNotFoundError):
        job_queue.status(name="other")


def queue_with(compute: str) -> dict[str, Any]:
    spec = JobQueueSpec(idle_timeout_s=1, name="other", compute_config=compute)
    return {"job_queue_config": JobQueueConfig(job_queue_spec=spec)}


def stored(home: Path, job_id: str) -> tuple[int | None, ...]:
    """What the job was admitted with: CPUs, bytes, GPUs."""
    query = "SELECT cpus, memory, gpus FROM jobs WHERE id = ?"
    with closing(sqlite3.connect(home / "jobs.db")) as connection:
        row: tuple[int | None, ...] = connection.execute(query, (job_id,)).fetchone()
    return row


def test_what_the_wire_refuses(service: Path) -> None:
    create = ("POST", "/v1/compute-configs")
    new = {"id": "cpt_" + "a" * 26, "config": {"worker_nodes": []}, "name": "once"}
    made = [client.json(*create, body=new) for _ in range(2)]  # the answer was lost
    assert made[0] == made[1]
    for change, said in (
        ({"id": "cpt_1"}, "id must be"),
        ({"name": "a:1"}, "without a version"),
        ({"name": 1}, "name must be a string"),
        ({"config": []}, "config must be an object"),
        ({"config": {"zones": []}}, "zones"),
        ({"config": {"flags": {"a": float("nan")}}}, "flags: must hold finite numbers only"),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            client.json(*create, body={**new, **change})
    with pytest.raises(InvalidRequestError, match="name must be a string, not None"):
        client.json("GET", "/v1/compute-configs/find")


def test_wrong_arguments(home: Path) -> None:
    for wrong in ("small", None, JobConfig(entrypoint="true")):
        with pytest.raises(TypeError, match="takes a ComputeConfig"):
            compute_config.create(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="zones"):
        compute_config.create({"zones": []})
    for use in (compute_config.get, compute_config.archive):
        with pytest.raises(TypeError, match="name must be a string, not 1"):
            use(1)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="name='': must be a compute config's name"):
            use("")
    for name in ("a b", "a:1", ":1", ""):
        with pytest.raises(ValueError, match="name="):
            compute_config.create(SMALL, name=name)
    with pytest.raises(ValueError, match="must be a name without a version: a, not a:1"):
        compute_config.archive("a:1")
    with pytest.raises(ValueError, match="name:version"):
        compute_config.get("a:0")
    with pytest.raises(TypeError, match="include_archived must be"):
        compute_config.list(include_archived=1)  # type: ignore[arg-type]
    assert not home.exists()
