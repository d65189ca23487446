"""The requests about queues."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.job import JobSortOrder
from jobs_jupyter.models.queue_status import ClusterState, JobQueueSortField
from jobs_jupyter.service import arguments
from jobs_jupyter.service.routes import QUEUE, Operation, json_body
from jobs_jupyter.service.store import job_queues, queue_pages
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.supervisor import Supervisor

CHANGEABLE = {"max_concurrency": 1, "idle_timeout_s": 0}
"""What can be changed while jobs run, and the least value that it takes."""


class QueueHandlers:
    """One request, one short handler."""

    database: Database
    supervisor: Supervisor

    async def list_queues(self, request: Request) -> Response:
        """One page of queues, or all; `cursor` asks for the page behind."""
        found, following = await self.database.read(queue_pages.page, _listing(request.query_params))
        return JSONResponse({"queues": found, "next": following})

    async def find_queue(self, request: Request) -> Response:
        """A queue by its id, or by its name within a project."""
        query = request.query_params
        if "id" in query:
            return JSONResponse(await self.database.read(job_queues.status, query["id"]))
        arguments.cloud(query.get("cloud"))
        name, project = query.get("name", ""), query.get("project", "default")
        archived = "include_archived" not in query or arguments.flag(query, "include_archived")
        return JSONResponse(await self.database.read(job_queues.find, name, project, archived))

    async def get_queue(self, request: Request) -> Response:
        """A queue's status."""
        return JSONResponse(await self.database.read(job_queues.status, _id(request)))

    async def update_queue(self, request: Request) -> Response:
        """Change a queue's max_concurrency or idle_timeout_s, also while its jobs run."""
        given = await arguments.json_object(request)
        _check_settings(given)
        return JSONResponse(await self.supervisor.change(job_queues.change, _id(request), given))

    async def get_queue_tags(self, request: Request) -> Response:
        """A queue's tags."""
        return JSONResponse({"tags": await self.database.read(job_queues.tags_of, _id(request))})

    async def put_queue_tags(self, request: Request) -> Response:
        """Add or change tags of a queue."""
        given = (await arguments.json_object(request)).get("tags")
        if not isinstance(given, dict) or not given:
            raise InvalidRequestError("`tags` must be an object with at least one key.")
        return JSONResponse({"tags": await self.supervisor.change(job_queues.set_tags, _id(request), given)})

    async def drop_queue_tags(self, request: Request) -> Response:
        """Remove tags of a queue by key."""
        keys = request.query_params.getlist("key")
        if not keys:
            raise InvalidRequestError("Name at least one `key` to remove.")
        return JSONResponse({"tags": await self.supervisor.change(job_queues.drop_tags, _id(request), keys)})

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


def _listing(query: QueryParams) -> queue_pages.QueueListing:
    """Return what a list request asks for."""
    arguments.cloud(query.get("cloud"))
    up = query.get("cluster_status")
    size = arguments.number(query, "page_size", 0, low=1, high=100) if "page_size" in query else None
    return queue_pages.QueueListing(
        job_queue_id=query.get("job_queue_id"),
        name=query.get("name"),
        creator_id=query.get("creator_id"),
        project=query.get("project"),
        cluster_is_up=None if up is None else ClusterState.named(up) == ClusterState.RUNNING,
        include_archived="include_archived" not in query or arguments.flag(query, "include_archived"),
        tags=arguments.tags(query),
        order=tuple(_directive(text) for text in query.getlist("sort")),
        page_size=size,
        cursor=query.get("cursor"),
    )


def _directive(text: str) -> tuple[str, str]:
    """Return the field and the order of `FIELD:ORDER`."""
    name, _, order = text.partition(":")
    return JobQueueSortField.named(name).value, JobSortOrder.named(order or "ASC").value


def _check_settings(given: dict[str, Any]) -> None:
    if not given or (unknown := [name for name in given if name not in CHANGEABLE]):
        names = " and ".join(CHANGEABLE)
        raise InvalidRequestError(
            f"Only {names} of a queue can be changed" + (f", not {unknown[0]}." if given else ".")
        )
    for name, value in given.items():
        if type(value) is not int or not CHANGEABLE[name] <= value <= arguments.MOST:
            most = type(value) is int and value > arguments.MOST
            bound = f"at most {arguments.MOST:,}" if most else f"at least {CHANGEABLE[name]}"
            raise InvalidRequestError(f"{name} must be a whole number of {bound}, not {value!r}.")


_QUEUES = {
    "type": "object",
    "properties": {"queues": {"type": "array", "items": QUEUE}, "next": {"type": "string"}},
}
_TAGS = {"type": "object", "properties": {"tags": {"type": "object"}}}
_FIND_QUERY = ("id", "name", "project", "cloud", "include_archived")
_LIST_QUERY = (
    *("job_queue_id", "name", "creator_id", "cloud", "project", "cluster_status", "include_archived"),
    *("tag", "sort", "page_size", "cursor"),
)
_CHANGE = json_body(
    {
        "type": "object",
        "properties": {name: {"type": "integer", "minimum": low} for name, low in CHANGEABLE.items()},
    }
)

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/v1/queues", QueueHandlers.list_queues, query=_LIST_QUERY, answer=_QUEUES),
    Operation("GET", "/v1/queues/find", QueueHandlers.find_queue, query=_FIND_QUERY, answer=QUEUE),
    Operation("GET", "/v1/queues/{id}", QueueHandlers.get_queue, answer=QUEUE),
    Operation("PATCH", "/v1/queues/{id}", QueueHandlers.update_queue, body=_CHANGE, answer=QUEUE),
    Operation("GET", "/v1/queues/{id}/tags", QueueHandlers.get_queue_tags, answer=_TAGS),
    Operation(
        "PUT", "/v1/queues/{id}/tags", QueueHandlers.put_queue_tags, body=json_body(_TAGS), answer=_TAGS
    ),
    Operation("DELETE", "/v1/queues/{id}/tags", QueueHandlers.drop_queue_tags, query=("key",), answer=_TAGS),
    Operation("POST", "/v1/queues/{id}/archive", QueueHandlers.archive_queue, answer=QUEUE),
    Operation("POST", "/v1/queues/{id}/terminate", QueueHandlers.terminate_queue),
    Operation("DELETE", "/v1/queues/{id}", QueueHandlers.delete_queue),
)
