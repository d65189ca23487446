"""Compute configs: name what jobs and queues run on, once, and use it by that name.

A compute config has versions, counted from 1: `gpus:2` is one of them, `gpus` the latest. A version
never changes. A job, or a queue's spec, names one in its `compute_config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jobs_jupyter.client import arguments as _arguments
from jobs_jupyter.client.http import client as _client
from jobs_jupyter.models.compute import (
    CloudDeployment,
    ComputeConfig,
    HeadNodeConfig,
    MarketType,
    MultiResourceComputeConfig,
    RequiredResources,
    WorkerNodeGroupConfig,
)
from jobs_jupyter.models.compute import RequiredResources as PhysicalResources
from jobs_jupyter.models.compute import check_compute_name as _check_name
from jobs_jupyter.models.compute import plain_compute_name as _plain_name
from jobs_jupyter.models.compute import read_compute_config as _read_config
from jobs_jupyter.models.compute_version import ComputeConfigVersion
from jobs_jupyter.models.job import JobSortOrder as _SortOrder
from jobs_jupyter.models.names import new_compute_config_id as _new_id

__all__ = [
    "CloudDeployment",
    "ComputeConfig",
    "ComputeConfigVersion",
    "HeadNodeConfig",
    "MarketType",
    "MultiResourceComputeConfig",
    "PhysicalResources",
    "RequiredResources",
    "WorkerNodeGroupConfig",
    "archive",
    "create",
    "get",
    "get_default",
    "list",
    "unarchive",
]

_SORTS: dict[str, Callable[[ComputeConfigVersion], Any]] = {
    "name": lambda version: version.name.partition(":")[0],
    "created_at": lambda version: version.created_at,
    "last_modified_at": lambda version: version.created_at,  # a version never changes
}

_List = list


def create(
    config: ComputeConfig | MultiResourceComputeConfig | Mapping[str, Any], *, name: str | None = None
) -> str:
    """Keep a compute config and return its name and version, such as `gpus:1`.

    Args:
        config: a model, or the fields of one.
        name: a name that exists gets one more version; one is made up if there is none.

    Raises:
        TypeError: `config` or `name` is something else.
        ValueError: a field or the name is wrong, or the name belongs to an archived compute config.
    """
    if isinstance(config, Mapping):
        config = _read_config(config)
    if not isinstance(config, ComputeConfig | MultiResourceComputeConfig):
        raise TypeError(f"create takes a ComputeConfig, not {type(config).__name__}.")
    body: dict[str, Any] = {"id": _new_id(), "config": config.to_wire(exclude_unset=True)}
    if name is not None:
        body["name"] = _checked(name, _plain_name)
    made = ComputeConfigVersion.from_dict(_client.json("POST", "/v1/compute-configs", body=body))
    return made.name


def get(name: str, *, include_archived: bool = False, cloud: str | None = None) -> ComputeConfigVersion:
    """Return a compute config: its latest version, or that of `name:version`.

    Args:
        include_archived: find also one that is archived.
        cloud: the cloud that it belongs to; all belong to `local`.

    Raises:
        ComputeConfigNotFoundError: there is no such name, or no such version of it.
    """
    query = {"name": _checked(name, _check_name), **_cloud(cloud)}
    query["include_archived"] = str(_arguments.flag("include_archived", include_archived)).lower()
    return ComputeConfigVersion.from_dict(_client.json("GET", "/v1/compute-configs/find", query=query))


def get_default(*, cloud: str | None = None, cloud_resource: str | None = None) -> ComputeConfigVersion:
    """Return the compute config of a job that names none; it asks for nothing, so it fits any machine.

    Args:
        cloud, cloud_resource: where the job is to run; only `local` is here.
    """
    query = _cloud(cloud)
    if cloud_resource is not None:
        query["cloud_resource"] = _arguments.text("cloud_resource", cloud_resource)
    return ComputeConfigVersion.from_dict(_client.json("GET", "/v1/compute-configs/default", query=query))


def list(  # noqa: A001 - as in `jobs_jupyter.job`
    *,
    name: str | None = None,
    cloud_name: str | None = None,
    sort_by: str = "created_at",
    sort_order: str = "desc",
    max_items: int | None = None,
    include_archived: bool = False,
) -> _List[ComputeConfigVersion]:
    """Return the latest version of each compute config, the newest first.

    Args:
        name: only the compute config of this name.
        cloud_name: only those of this cloud; all belong to `local`.
        sort_by: `name`, `created_at` or `last_modified_at`, of the latest version.
        sort_order: `asc` or `desc`, in any case.
        max_items: how many at most; all of them otherwise.
        include_archived: list also those that are archived.
    """
    wanted = None if name is None else _arguments.text("name", name)
    most = None if max_items is None else _arguments.whole("max_items", max_items)
    if sort_by not in _SORTS:
        raise ValueError(f"sort_by={sort_by!r} is unknown; use one of {', '.join(_SORTS)}.")
    descending = _SortOrder.named(sort_order) == _SortOrder.DESC
    archived = str(_arguments.flag("include_archived", include_archived)).lower()
    query = {"include_archived": archived, **_cloud(cloud_name, "cloud_name")}
    answer = _client.json("GET", "/v1/compute-configs", query=query)["compute_configs"]
    found = [ComputeConfigVersion.from_dict(each) for each in answer]
    found = [each for each in found if wanted in (None, each.name, each.name.partition(":")[0])]
    found.sort(key=_SORTS[sort_by], reverse=descending)
    return found[:most]


def archive(name: str, *, cloud: str | None = None) -> None:
    """Put a compute config away with all its versions: no new job can use it; twice is a no-op.

    Jobs that were submitted with it go on, and its name is not given to another.

    Args:
        name: its name, without a version, as all of them go.
        cloud: the cloud that it belongs to; all belong to `local`.

    Raises:
        ComputeConfigNotFoundError: there is no such name.
    """
    _put_away("archive", name, cloud)


def unarchive(name: str, *, cloud: str | None = None) -> None:
    """Bring a compute config back with all its versions, so that jobs can use it; twice is a no-op.

    Raises:
        ComputeConfigNotFoundError: there is no such name.
    """
    _put_away("unarchive", name, cloud)


def _put_away(verb: str, name: str, cloud: str | None) -> None:
    body = {"name": _checked(name, _plain_name), **_cloud(cloud)}
    _client.request("POST", f"/v1/compute-configs/{verb}", body=body)


def _cloud(value: str | None, label: str = "cloud") -> dict[str, str]:
    return {} if value is None else {"cloud": _arguments.text(label, value)}


def _checked(name: object, check: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {name!r}.")
    try:
        return str(check(name))
    except ValueError as problem:
        raise ValueError(f"name={name!r}: {problem}.") from None
