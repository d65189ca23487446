"""The public surface: names, and signatures as in the reference."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys
from typing import Any

import pytest

import jobs_jupyter
from jobs_jupyter import compute_config, connection, job, job_queue, secret
from jobs_jupyter.compute_config import models as compute_models
from jobs_jupyter.connection import models as connection_models
from jobs_jupyter.job import models
from jobs_jupyter.job.models import JobLogMode, JobState
from jobs_jupyter.job_queue import models as queue_models
from jobs_jupyter.secret import models as secret_models

ONE_JOB: dict[str, Any] = {"cloud": None, "project": None, "include_archived": False}
BY_ID = {"name": None, "id": None, **ONE_JOB, "job_id": None}
BY_JOB_ID = {"name": None, "job_id": None, **ONE_JOB}
REQUIRED = inspect.Parameter.empty
DATES = [f"{name}_at_{end}" for name in ("created", "updated", "status_updated") for end in ("from", "to")]

SIGNATURES: dict[str, dict[str, Any]] = {
    "submit": {"config": REQUIRED},
    "status": BY_ID,
    "terminate": BY_ID,
    "archive": BY_ID,
    "delete": BY_ID,
    "get_logs": {**BY_ID, "run": None, "mode": JobLogMode.TAIL, "max_lines": None},
    "wait": {**BY_ID, "state": JobState.SUCCEEDED, "timeout_s": 1800, "follow": False},
    "list": {
        **dict.fromkeys(("name", "job_id", "project", "cloud")),
        **dict.fromkeys(("include_all_users", "include_archived"), False),
        **dict.fromkeys(
            ("state_filter", "tags_filter", "page_size", "max_items", "sort_field", "sort_order")
        ),
        **dict.fromkeys(DATES),
    },
    "add_tags": {**BY_JOB_ID, "tags": REQUIRED},
    "remove_tags": {**BY_JOB_ID, "keys": REQUIRED},
    "list_tags": BY_JOB_ID,
}
FIELDS = {
    "JobConfig": (
        "name image_uri containerfile compute_config working_dir excludes requirements env_vars py_modules "
        "py_executable cloud project registry_login_secret ray_version connections entrypoint max_retries "
        "job_queue_config timeout_s tags"
    ),
    "JobQueueSpec": (
        "idle_timeout_s name execution_mode compute_config max_concurrency "
        "auto_termination_threshold_job_count"
    ),
    "JobQueueConfig": "priority target_job_queue_name job_queue_spec",
    "ConnectionConfig": "type name",
}
STATUS_FIELDS = {
    "JobStatus": "id name state config runs creator_id created_at updated_at status_updated_at",
    "JobRunStatus": "name state",
}
ENUMS = {
    "JobState": "STARTING RUNNING FAILED SUCCEEDED TERMINATED UNKNOWN",
    "JobRunState": "STARTING RUNNING FAILED SUCCEEDED UNKNOWN",
    "JobLogMode": "HEAD TAIL",
    "JobSortField": "STATUS CREATED_AT LAST_UPDATED_AT LAST_STATUS_UPDATED_AT ENDED_AT NAME ID",
    "JobSortOrder": "ASC DESC",
    "JobQueueExecutionMode": "FIFO LIFO PRIORITY",
    "ConnectionType": "DATABRICKS",
    "MarketType": "ON_DEMAND SPOT PREFER_SPOT",
}


def test_the_names() -> None:
    assert jobs_jupyter.__all__ == [
        *("Job", "__version__", "compute_config", "connection", "get", "job", "job_queue"),
        *("load_ipython_extension", "secret", "unload_ipython_extension"),
    ]
    assert job.__all__ == [
        *("ConnectionConfig", "ConnectionType", "JobConfig", "JobLogMode", "JobSortField", "JobSortOrder"),
        *("JobState", "JobStatus", "ResultIterator", *sorted(SIGNATURES)),
    ]
    assert models.__all__ == sorted(
        [
            *(*FIELDS, *STATUS_FIELDS, *ENUMS, "RunError"),
            *("CloudDeployment", "ComputeConfig", "HeadNodeConfig", "MultiResourceComputeConfig"),
            *("RequiredResources", "WorkerNodeGroupConfig"),
        ]
    )
    assert job_queue.__all__ == sorted(
        [
            *(*queue_models.__all__, "ResultIterator", "archive", "delete", "list", "status"),
            *("terminate", "update", "add_tags", "list_tags", "remove_tags"),
        ]
    )
    assert queue_models.__all__ == [
        *("ClusterState", "ExecutionMode", "JobQueueConfig", "JobQueueExecutionMode"),
        *("JobQueueSortDirective", "JobQueueSortField", "JobQueueSpec", "JobQueueState"),
        *("JobQueueStatus", "SortOrder"),
    ]
    assert compute_config.__all__ == [
        *(*compute_models.__all__, "archive", "create", "get", "get_default", "list", "unarchive"),
    ]
    assert compute_models.__all__ == [
        *("CloudDeployment", "ComputeConfig", "ComputeConfigVersion", "HeadNodeConfig", "MarketType"),
        *("MultiResourceComputeConfig", "PhysicalResources", "RequiredResources", "WorkerNodeGroupConfig"),
    ]
    assert connection.__all__ == ["add", "get", "list", "remove", "test"]
    assert connection_models.__all__ == [
        *("Connection", "ConnectionConfig", "ConnectionType", "DatabricksCredentials"),
    ]
    assert (secret.__all__, secret_models.__all__) == (["list", "remove", "set"], ["Secret"])
    vaults = (connection, connection_models, secret, secret_models)
    for module in (jobs_jupyter, job, job_queue, compute_config, compute_models, models, *vaults):
        for name in module.__all__:
            assert getattr(module, name) is not None
        public = {name for name in vars(module) if not name.startswith("_")}
        assert not [name for name in public - set(module.__all__) if is_ours(getattr(module, name))]
    with pytest.raises(AttributeError, match="no attribute 'jobs'"):
        _ = jobs_jupyter.jobs


def is_ours(value: object) -> bool:
    """Whether this is a function or class of ours that `__all__` should have; models are for types."""
    module = getattr(value, "__module__", "") or ""
    return callable(value) and module.startswith("jobs_jupyter.") and ".models." not in module


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_those_of_the_reference(name: str) -> None:
    parameters = inspect.signature(getattr(job, name)).parameters
    assert {each.name: each.default for each in parameters.values()} == SIGNATURES[name]
    kinds = {each.kind for each in parameters.values()}
    wanted = inspect.Parameter.POSITIONAL_OR_KEYWORD if name == "submit" else inspect.Parameter.KEYWORD_ONLY
    assert kinds == {wanted}
    assert getattr(job, name).__doc__


def test_signatures_of_compute_configs() -> None:
    signatures = {
        name: str(inspect.signature(getattr(compute_config, name)))
        for name in compute_config.__all__
        if name.islower()
    }
    assert {name: text.split(" -> ")[0] for name, text in signatures.items()} == {
        "archive": "(name: 'str', *, cloud: 'str | None' = None)",
        "unarchive": "(name: 'str', *, cloud: 'str | None' = None)",
        "get_default": "(*, cloud: 'str | None' = None, cloud_resource: 'str | None' = None)",
        "create": "(config: 'ComputeConfig | MultiResourceComputeConfig | Mapping[str, Any]', *, "
        "name: 'str | None' = None)",
        "get": "(name: 'str', *, include_archived: 'bool' = False, cloud: 'str | None' = None)",
        "list": "(*, name: 'str | None' = None, cloud_name: 'str | None' = None, "
        "sort_by: 'str' = 'created_at', sort_order: 'str' = 'desc', max_items: 'int | None' = None, "
        "include_archived: 'bool' = False)",
    }
    assert all(getattr(compute_config, name).__doc__ for name in compute_config.__all__)


def test_signatures_of_connections_and_secrets() -> None:
    assert {
        f"{module.__name__.split('.')[1]}.{name}": str(inspect.signature(getattr(module, name))).split(
            " -> "
        )[0]
        for module in (connection, secret)
        for name in module.__all__
    } == {
        "connection.add": "(name: 'str', credentials: 'DatabricksCredentials | Mapping[str, Any]')",
        "connection.get": "(name: 'str')",
        "connection.list": "()",
        "connection.remove": "(name: 'str')",
        "connection.test": "(name: 'str')",
        "secret.list": "()",
        "secret.remove": "(name: 'str')",
        "secret.set": "(name: 'str', value: 'str', *, username: 'str | None' = None)",
    }


def test_help_shows_what_a_model_takes_and_what_it_means() -> None:
    assert str(inspect.signature(models.JobConfig)).startswith("(*, name: str | None = None, image_uri: ")
    assert "entrypoint: str, max_retries: int | None = None" in str(inspect.signature(models.JobConfig))
    said = pydoc.plain(pydoc.render_doc(models.JobConfig))
    assert "AfterValidator" not in said
    assert "entrypoint (str, required): The command that is the job" in said
    for module in (models, compute_models, queue_models):
        for name in module.__all__:
            fields = getattr(getattr(module, name), "model_fields", {})
            assert all(field.description for field in fields.values()), name


@pytest.mark.parametrize("name", FIELDS)
def test_fields_of_configs(name: str) -> None:
    assert set(getattr(models, name).model_fields) == set(FIELDS[name].split())


@pytest.mark.parametrize("name", STATUS_FIELDS)
def test_fields_of_statuses_are_those_of_the_reference_and_optional_extras(name: str) -> None:
    fields = getattr(models, name).model_fields
    named = STATUS_FIELDS[name].split()
    assert list(fields)[: len(named)] == named
    assert not [extra for extra in fields if extra not in named and fields[extra].is_required()]


@pytest.mark.parametrize("name", ENUMS)
def test_enums(name: str) -> None:
    enum = getattr(models, name)
    assert {member.name: member.value for member in enum} == {word: word for word in ENUMS[name].split()}
    assert all(isinstance(member, str) for member in enum)


def test_modules_are_attributes_and_import_nothing_heavy() -> None:
    program = (
        "import sys, jobs_jupyter\n"
        "names = {'job', 'job_queue', 'compute_config', 'connection', 'secret'}\n"
        "assert names | {'Job', 'get'} <= set(dir(jobs_jupyter))\n"
        "assert not {'httpx', 'pydantic', 'IPython'} & sys.modules.keys()\n"
        "for name in names:\n"
        "    assert getattr(jobs_jupyter, name).__name__ == f'jobs_jupyter.{name}'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
