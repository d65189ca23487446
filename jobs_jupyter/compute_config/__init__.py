"""Compute configs: name what jobs and queues run on, once, and use it by that name.

A compute config has versions, counted from 1: `gpus:2` is one of them, `gpus` the latest. A version
never changes. A job, or a queue's spec, names one in its `compute_config`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from jobs_jupyter.models.compute import check_compute_name as _check_name
from jobs_jupyter.models.compute import plain_compute_name as _plain_name
from jobs_jupyter.models.compute import read_compute_config as _read_config
from jobs_jupyter.models.compute_version import ComputeConfigVersion
from jobs_jupyter.models.names import new_compute_config_id as _new_id

__all__ = [
    "CloudDeployment",
    "ComputeConfig",
    "ComputeConfigVersion",
    "HeadNodeConfig",
    "MarketType",
    "MultiResourceComputeConfig",
    "RequiredResources",
    "WorkerNodeGroupConfig",
    "archive",
    "create",
    "get",
    "list",
]

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
    body: dict[str, Any] = {"id": _new_id(), "config": config.to_dict(exclude_unset=True)}
    if name is not None:
        body["name"] = _checked(name, _plain_name)
    made = ComputeConfigVersion.from_dict(_client.json("POST", "/v1/compute-configs", body=body))
    return made.name


def get(name: str) -> ComputeConfigVersion:
    """Return a compute config: its latest version, or that of `name:version`; archived ones, too.

    Raises:
        ComputeConfigNotFoundError: there is no such name, or no such version of it.
    """
    query = {"name": _checked(name, _check_name)}
    return ComputeConfigVersion.from_dict(_client.json("GET", "/v1/compute-configs/find", query=query))


def list(*, include_archived: bool = False) -> _List[ComputeConfigVersion]:  # noqa: A001 - as in `jobs_jupyter.job`
    """Return the latest version of each compute config, the newest first."""
    if not isinstance(include_archived, bool):
        raise TypeError(f"include_archived must be True or False, not {include_archived!r}.")
    query = {"include_archived": include_archived}
    found = _client.json("GET", "/v1/compute-configs", query=query)["compute_configs"]
    return [ComputeConfigVersion.from_dict(each) for each in found]


def archive(name: str) -> None:
    """Put a compute config away with all its versions: no new job can use it; twice is a no-op.

    Jobs that were submitted with it go on, and its name is not given to another.

    Raises:
        ComputeConfigNotFoundError: there is no such name.
    """
    _client.request("POST", "/v1/compute-configs/archive", body={"name": _checked(name, _plain_name)})


def _checked(name: object, check: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, not {name!r}.")
    try:
        return str(check(name))
    except ValueError as problem:
        raise ValueError(f"name={name!r}: {problem}.") from None
