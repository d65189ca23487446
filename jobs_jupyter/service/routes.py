"""The table of routes, and the OpenAPI description that is made from it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from jobs_jupyter._version import __version__
from jobs_jupyter.models.compute_version import ComputeConfigVersion
from jobs_jupyter.models.connection import Connection
from jobs_jupyter.models.job import JobConfig, JobStatus
from jobs_jupyter.models.queue_status import JobQueueStatus
from jobs_jupyter.models.secret import Secret

Handler = Callable[[Any, Request], Coroutine[Any, Any, Response]]
_REFS = "#/components/schemas/{model}"
_TEXT = {"type": "string"}


@dataclass(frozen=True)
class Operation:
    """One request that the service answers, as the code and its description both see it."""

    method: str
    path: str
    handler: Handler
    query: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    answer: dict[str, Any] = field(default_factory=lambda: {"type": "object"})
    media: str = "application/json"
    status: int = 200

    def route(self, owner: object) -> Route:
        """Return the route that calls the handler with its owner."""
        handler = self.handler

        async def endpoint(request: Request) -> Response:
            return await handler(owner, request)

        return Route(self.path, endpoint, methods=[self.method])

    def describe(self) -> dict[str, Any]:
        """Return this operation as OpenAPI has it; its words are the handler's own docstring."""
        words = (self.handler.__doc__ or "").strip()
        named = [part[1:-1] for part in self.path.split("/") if part.startswith("{")]
        parameters = [{"name": n, "in": "path", "required": True, "schema": _TEXT} for n in named]
        parameters += [{"name": n, "in": "query", "schema": _TEXT} for n in self.query]
        described: dict[str, Any] = {
            "summary": words.split("\n")[0].rstrip("."),
            "description": words,
            "operationId": self.handler.__name__,
            "parameters": parameters,
            "responses": {
                str(self.status): {"description": "Done.", "content": {self.media: {"schema": self.answer}}},
                "4XX": {
                    "description": "Refused.",
                    "content": {"application/json": {"schema": _ref("Error")}},
                },
            },
        }
        if self.body:
            described["requestBody"] = {"required": True, "content": self.body}
        return described


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REFS.format(model=name)}


def json_body(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `content` of a JSON request body."""
    return {"application/json": {"schema": schema}}


_MODELS = (JobConfig, JobStatus, JobQueueStatus, ComputeConfigVersion, Connection, Secret)
JOB = _ref("JobStatus")
QUEUE = _ref("JobQueueStatus")
COMPUTE_CONFIG = _ref("ComputeConfigVersion")
CONNECTION = _ref("Connection")
SECRET = _ref("Secret")
SUBMIT = json_body(
    {
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": _ref("JobConfig"),
            "idempotency_key": _TEXT,
            "check_only": {"type": "boolean"},
            "origin": {
                "type": "object",
                "properties": {
                    "environment": {"type": "object", "additionalProperties": _TEXT},
                    "interpreter": _TEXT,
                },
            },
        },
    }
)


def openapi(operations: tuple[Operation, ...]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of all operations."""
    from pydantic.json_schema import models_json_schema  # late: a start has no use for it

    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS],
        ref_template=_REFS,
    )
    error = {"type": _TEXT, "message": _TEXT}
    components = {
        **schemas["$defs"],
        "Error": {"type": "object", "properties": {"error": {"type": "object", "properties": error}}},
    }
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.describe()
    return {
        "openapi": "3.1.0",
        "info": {"title": "jobs_jupyter service", "version": __version__},
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }
