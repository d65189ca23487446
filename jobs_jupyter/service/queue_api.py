"""The requests about queues."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.service import arguments
from jobs_jupyter.service.routes import QUEUE, Operation, json_body
from jobs_jupyter.service.store import job_queues
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.supervisor import Supervisor

CHANGEABLE = {"max_concurrency": 1, "idle_timeout_s": 0}
"""What can be changed while jobs run, and the least value that it takes."""


class QueueHandlers:
    """One request, one short handler."""

    database: Database
    supervisor: Supervisor

    async def list_queues(self, request: Request) -> Response:
        """All queues, or those of a project, the newest first."""
        project = request.query_params.get("project")
        return JSONResponse({"queues": await self.database.read(job_queues.every, project)})

    async def find_queue(self, request: Request) -> Response:
        """A queue by its id, or by its name within a project."""
        query = request.query_params
        if "id" in query:
            return JSONResponse(await self.database.read(job_queues.status, query["id"]))
        project = query.get("project", "default")
        return JSONResponse(await self.database.read(job_queues.find, query.get("name", ""), project))

    async def get_queue(self, request: Request) -> Response:
        """A queue's status."""
        return JSONResponse(await self.database.read(job_queues.status, _id(request)))

    async def update_queue(self, request: Request) -> Response:
        """Change a queue's max_concurrency or idle_timeout_s, also while its jobs run."""
        given = await arguments.json_object(request)
        _check_settings(given)
        return JSONResponse(await self.supervisor.change(job_queues.change, _id(request), given))

    async def archive_queue(self, request: Request) -> Response:
        """Let a queue take no more jobs; those in it go on."""
        return JSONResponse(await self.supervisor.change(job_queues.seal, _id(request)))

    async def terminate_queue(self, request: Request) -> Response:
        """Begin to end all jobs of a queue, then its cluster."""
        await self.supervisor.terminate_queue(_id(request))
        return JSONResponse({"id": _id(request)})

    async def delete_queue(self, request: Request) -> Response:
        """Delete a queue whose jobs are all terminal; they stay."""
        await self.supervisor.delete_queue(_id(request))
        return JSONResponse({"id": _id(request)})


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _check_settings(given: dict[str, Any]) -> None:
    if not given or (unknown := [name for name in given if name not in CHANGEABLE]):
        names = " or ".join(CHANGEABLE)
        raise InvalidRequestError(
            f"Of a queue {names} can be changed" + (f", not {unknown[0]}." if given else ".")
        )
    for name, value in given.items():
        if type(value) is not int or not CHANGEABLE[name] <= value <= arguments.MOST:
            most = type(value) is int and value > arguments.MOST
            bound = f"at most {arguments.MOST:,}" if most else f"at least {CHANGEABLE[name]}"
            raise InvalidRequestError(f"{name} must be a whole number of {bound}, not {value!r}.")


_QUEUES = {"type": "object", "properties": {"queues": {"type": "array", "items": QUEUE}}}
_CHANGE = json_body(
    {
        "type": "object",
        "properties": {name: {"type": "integer", "minimum": low} for name, low in CHANGEABLE.items()},
    }
)

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/v1/queues", QueueHandlers.list_queues, query=("project",), answer=_QUEUES),
    Operation(
        "GET", "/v1/queues/find", QueueHandlers.find_queue, query=("id", "name", "project"), answer=QUEUE
    ),
    Operation("GET", "/v1/queues/{id}", QueueHandlers.get_queue, answer=QUEUE),
    Operation("PATCH", "/v1/queues/{id}", QueueHandlers.update_queue, body=_CHANGE, answer=QUEUE),
    Operation("POST", "/v1/queues/{id}/archive", QueueHandlers.archive_queue, answer=QUEUE),
    Operation("POST", "/v1/queues/{id}/terminate", QueueHandlers.terminate_queue),
    Operation("DELETE", "/v1/queues/{id}", QueueHandlers.delete_queue),
)
