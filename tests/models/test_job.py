"""The rules of a job's fields, one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs_jupyter.job.models import (
    ComputeConfig,
    JobConfig,
    JobRunStatus,
    JobState,
    JobStatus,
    MultiResourceComputeConfig,
)
from jobs_jupyter.models.job import TERMINAL

DIGEST = "a" * 64
HEAD = {"instance_type": "m5.large"}

ACCEPTED: list[dict[str, Any]] = [
    {"image_uri": "ubuntu"},
    {"image_uri": "localhost:5000/me/ubuntu:22.04"},
    {"image_uri": f"ghcr.io/me/x@sha256:{DIGEST}"},
    {"image_uri": "anyscale/image/my-image:1", "registry_login_secret": "s"},
    {"compute_config": "gpus"},
    {"compute_config": "gpus:3"},
    {"compute_config": {"head_node": HEAD}},
    {"compute_config": {"configs": [{"head_node": HEAD}]}},
    {"working_dir": "."},
    {"working_dir": "/not/there"},
    {"working_dir": "s3://bucket/folder"},
    {"working_dir": "https://host/a.zip"},
    {"working_dir": "https://host/a.tar.gz?token=1"},
    {"working_dir": "file:///a/b"},
    {"working_dir": f"package://sha256/{DIGEST}"},
    {"py_modules": ["/x/my_module", "gs://bucket/m.zip"]},
    {"requirements": "requirements.txt"},
    {"requirements": ["numpy==2.0", "torch"]},
    {"env_vars": {"A": "", "B": "x=y"}},
    {"tags": {"team": "mlops"}},
    {"max_retries": 0},
    {"timeout_s": 1},
    {"connections": [{"type": "databricks", "name": "my-db"}]},
    {"ray_version": "2.60.0"},
    {"job_queue_config": {"priority": 2**63 - 1}},
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"entrypoint": " "}, "blank"),
    ({"name": ""}, "blank"),
    ({"image_uri": "a", "containerfile": "b"}, "exclude each other"),
    ({"image_uri": "A b"}, "must have the form"),
    ({"image_uri": "a:"}, "must have the form"),
    ({"image_uri": "http://a/b"}, "must have the form"),
    ({"registry_login_secret": "s"}, "image_uri"),
    ({"compute_config": "gpus:0"}, "name:version"),
    ({"compute_config": " "}, "name:version"),
    ({"compute_config": {"configs": []}}, "configs"),
    ({"compute_config": {"nope": 1}}, "no such field"),
    ({"working_dir": ""}, "blank"),
    ({"working_dir": "ftp://a/b"}, "s3://"),
    ({"working_dir": "s3://"}, "after the scheme"),
    ({"working_dir": "https://host/folder"}, "archive"),
    ({"working_dir": "package://sha256/abc"}, "URI of one of"),
    ({"working_dir": "https://[::1/a.zip"}, "no URI: Invalid IPv6 URL"),
    ({"working_dir": "https://host:port/a.zip"}, "no URI: Port could not be"),
    ({"working_dir": "file://data/a.zip"}, "file:///, as it is a path"),
    ({"py_modules": ["file://data"]}, "file:///, as it is a path"),
    ({"working_dir": "a\0b"}, "NUL"),
    ({"py_modules": ["ftp://a"]}, "py_modules"),
    ({"excludes": "a"}, "excludes"),
    ({"requirements": [""]}, "blank"),
    ({"env_vars": {"": "a"}}, "empty"),
    ({"env_vars": {"A=B": "a"}}, "'='"),
    ({"env_vars": {"A": "\0"}}, "NUL"),
    ({"env_vars": {"A": 1}}, "env_vars"),
    ({"tags": {"a b": "c"}}, "tag key"),
    ({"max_retries": -1}, "max_retries"),
    ({"timeout_s": 0}, "timeout_s"),
    ({"connections": [{"type": "databricks", "name": n} for n in "ab"]}, "several of type DATABRICKS"),
    ({"connections": [{"type": "oracle", "name": "a"}]}, "use one of DATABRICKS"),
    ({"connections": [{"type": "databricks", "name": "a b"}]}, "characters"),
    ({"ray_version": "2.60"}, "X.Y.Z"),
    ({"job_queue_config": {"priority": -1}}, "priority"),
    ({"job_queue_config": {"priority": 2**63}}, "priority"),
]


@pytest.mark.parametrize("fields", ACCEPTED, ids=str)
def test_accepted(fields: dict[str, Any]) -> None:
    config = JobConfig(**{"entrypoint": "true", **fields})
    assert JobConfig(**config.to_dict()) == config
    assert JobStatus.from_dict(a_status(config.to_dict())).config == config


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=str)
def test_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        JobConfig(**{"entrypoint": "true", **fields})


def test_a_dict_with_configs_is_multi_resource() -> None:
    one = JobConfig(entrypoint="true", compute_config={"head_node": HEAD})  # type: ignore[arg-type]
    many = one.options(compute_config={"configs": [{"head_node": HEAD}]})
    assert isinstance(one.compute_config, ComputeConfig)
    assert isinstance(many.compute_config, MultiResourceComputeConfig)


def a_status(config: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "prodjob_1",
        "name": "a",
        "state": "RUNNING",
        "creator_id": "me",
        "config": config,
        **fields,
    }


def test_a_newer_services_status_can_be_read() -> None:
    data = a_status(
        {"entrypoint": "true", "new": 1, "job_queue_config": {"newer": 2}},
        state="HIBERNATING",
        runs=[{"name": "r", "state": "DREAMING", "newest": 3}],
        more=4,
    )
    status = JobStatus.from_dict(data)
    assert status.state is JobState.UNKNOWN
    assert status.runs[0].state == "UNKNOWN"
    assert not status.terminal


def test_times_are_utc_datetimes_and_travel_as_text() -> None:
    status = JobStatus.from_dict(
        a_status(
            {"entrypoint": "true"}, created_at="2026-01-02T03:04:05Z", ended_at="2026-01-02T03:04:05+01:00"
        )
    )
    assert status.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert status.to_dict()["ended_at"] == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert status.to_wire()["ended_at"] == "2026-01-02T02:04:05Z"
    assert JobStatus(**status.to_dict()) == status


@pytest.mark.parametrize("state", JobState)
def test_terminal(state: JobState) -> None:
    status = JobStatus.from_dict(a_status({"entrypoint": "true"}, state=state.value))
    assert status.terminal == (state in TERMINAL) == (state in ("SUCCEEDED", "FAILED", "TERMINATED"))


text = st.text(min_size=1, max_size=9).filter(str.strip)
configs = st.fixed_dictionaries(
    {"entrypoint": text},
    optional={
        "name": text,
        "excludes": st.lists(st.text()),
        "requirements": text | st.lists(text),
        "env_vars": st.dictionaries(
            st.from_regex("[A-Z]+", fullmatch=True), st.text().filter(lambda t: "\0" not in t)
        ),
        "max_retries": st.integers(0),
        "timeout_s": st.integers(1),
        "tags": st.dictionaries(
            st.from_regex(r"[a-z./:_-]{1,9}", fullmatch=True), st.text("abc é", max_size=9)
        ),
        "compute_config": st.fixed_dictionaries(
            {
                "head_node": st.just(HEAD),
                "max_resources": st.dictionaries(st.text(), st.integers(0, 10**300) | st.floats(0, 1e9)),
                "flags": st.dictionaries(st.text(), st.none() | st.booleans() | st.lists(st.integers())),
            }
        ),
        "job_queue_config": st.fixed_dictionaries(
            {}, optional={"priority": st.integers(0, 2**63 - 1), "target_job_queue_name": text}
        ),
    },
)


@given(configs)
def test_round_trip(fields: dict[str, Any]) -> None:
    config = JobConfig(**fields)
    for none in (True, False):
        assert JobConfig(**config.to_dict(exclude_none=none)) == config
    assert JobConfig.from_dict(config.to_dict(exclude_unset=True)).model_fields_set == config.model_fields_set
    assert config.options() == config


def test_times_stay_datetimes_in_nested_models() -> None:
    run = {"name": "r", "state": "RUNNING", "started_at": "2026-01-02T03:04:05Z"}
    status = JobStatus.from_dict(a_status({"entrypoint": "true"}, runs=[run]))
    assert status.to_dict()["runs"] == [{**run, "started_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}]
    assert JobStatus(**status.to_dict()) == status


def test_a_status_is_made_of_known_fields_and_read_without_others() -> None:
    fields = a_status({"entrypoint": "true"})
    with pytest.raises(ValidationError, match="did you mean exit_code"):
        JobStatus(**{**fields, "exitcode": 1})
    with pytest.raises(ValidationError, match="no such field"):
        JobRunStatus(name="r", state="RUNNING", atempt=1)  # type: ignore[call-arg]
    newer = {**fields, "color": "red", "runs": [{"name": "r", "state": "RUNNING", "mood": "good"}]}
    assert JobStatus.from_dict(newer).runs[0].name == "r"
