"""The requests about compute configs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs_jupyter.models.compute import check_compute_name, plain_compute_name, read_compute_config
from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.service import arguments
from jobs_jupyter.service.routes import COMPUTE_CONFIG, Operation, json_body
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import compute
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.supervisor import Supervisor

_ID = re.compile(r"cpt_[a-z0-9]{26}")


class ComputeHandlers:
    """One request, one short handler."""

    state: ServiceState
    database: Database
    supervisor: Supervisor

    async def create_compute_config(self, request: Request) -> Response:
        """Keep a compute config as the next version of its name; its id, sent again, makes no other."""
        body = await arguments.json_object(request)
        new = compute.NewConfig(
            id=_new_id(body.get("id")),
            name=None if body.get("name") is None else _name(body["name"], plain_compute_name),
            config=_config(body.get("config")),
            creator_id=self.state.user,
        )
        return JSONResponse(await self.supervisor.change(compute.create, new), 201)

    async def list_compute_configs(self, request: Request) -> Response:
        """The latest version of each compute config, the newest first."""
        arguments.cloud(request.query_params.get("cloud"))
        archived = arguments.flag(request.query_params, "include_archived")
        return JSONResponse({"compute_configs": await self.database.read(compute.every, archived)})

    async def find_compute_config(self, request: Request) -> Response:
        """A compute config's latest version, or that of name:version."""
        query = request.query_params
        name = _name(query.get("name"), check_compute_name)
        arguments.cloud(query.get("cloud"))
        archived = "include_archived" not in query or arguments.flag(query, "include_archived")
        return JSONResponse(await self.database.read(compute.find, name, archived))

    async def default_compute_config(self, request: Request) -> Response:
        """The compute config of a job that names none."""
        query = request.query_params
        arguments.cloud(query.get("cloud"))
        if query.get("cloud_resource") not in (None, arguments.CLOUD):
            raise InvalidRequestError(
                f"There is no cloud_resource {query['cloud_resource']!r} here; there is {arguments.CLOUD}."
            )
        return JSONResponse(await self.supervisor.change(compute.default, self.state.user))

    async def archive_compute_config(self, request: Request) -> Response:
        """Let no more jobs use a compute config, whatever its version."""
        return JSONResponse(await self.supervisor.change(compute.archive, await _named(request)))

    async def unarchive_compute_config(self, request: Request) -> Response:
        """Let jobs use a compute config again, whatever its version."""
        return JSONResponse(await self.supervisor.change(compute.unarchive, await _named(request)))


async def _named(request: Request) -> str:
    """Return the name in a request's body."""
    body = await arguments.json_object(request)
    arguments.cloud(body.get("cloud"))
    return _name(body.get("name"), plain_compute_name)


def _new_id(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidRequestError(f"id must be cpt_ and 26 lower-case letters or digits, not {value!r}.")
    return value


def _name(value: object, check: Callable[[str], str]) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(f"name must be a string, not {value!r}.")
    try:
        return check(value)
    except ValueError as problem:
        raise InvalidRequestError(f"name={value!r}: {problem}.") from None


def _config(fields: object) -> compute.Config:
    if not isinstance(fields, dict):
        raise InvalidRequestError(f"config must be an object of a compute config's fields, not {fields!r}.")
    try:
        return read_compute_config(fields)
    except ValidationError as error:
        raise InvalidRequestError(arguments.explain(error)) from None


_TEXT = {"type": "string"}
_CREATE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "config"],
    "properties": {"id": _TEXT, "name": _TEXT, "config": {"type": "object"}},
}
_ARCHIVE = {"type": "object", "required": ["name"], "properties": {"name": _TEXT, "cloud": _TEXT}}
_ALL = {"type": "object", "properties": {"compute_configs": {"type": "array", "items": COMPUTE_CONFIG}}}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST",
        "/v1/compute-configs",
        ComputeHandlers.create_compute_config,
        body=json_body(_CREATE),
        answer=COMPUTE_CONFIG,
        status=201,
    ),
    Operation(
        "GET",
        "/v1/compute-configs",
        ComputeHandlers.list_compute_configs,
        query=("include_archived", "cloud"),
        answer=_ALL,
    ),
    Operation(
        "GET",
        "/v1/compute-configs/find",
        ComputeHandlers.find_compute_config,
        query=("name", "include_archived", "cloud"),
        answer=COMPUTE_CONFIG,
    ),
    Operation(
        "POST",
        "/v1/compute-configs/archive",
        ComputeHandlers.archive_compute_config,
        body=json_body(_ARCHIVE),
        answer=COMPUTE_CONFIG,
    ),
    Operation(
        "POST",
        "/v1/compute-configs/unarchive",
        ComputeHandlers.unarchive_compute_config,
        body=json_body(_ARCHIVE),
        answer=COMPUTE_CONFIG,
    ),
    Operation(
        "GET",
        "/v1/compute-configs/default",
        ComputeHandlers.default_compute_config,
        query=("cloud", "cloud_resource"),
        answer=COMPUTE_CONFIG,
    ),
)
