"""The requests: one operation, one short handler."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from jobs_jupyter._version import __version__
from jobs_jupyter.models.errors import (
    ComputeConfigNotFoundError,
    ConnectionNotFoundError,
    InvalidRequestError,
    JobNotFoundError,
    JobQueueNotFoundError,
    JobsError,
    JobStateError,
    LoginError,
    SecretNotFoundError,
    VaultError,
)
from jobs_jupyter.models.names import new_job_id, random_job_name
from jobs_jupyter.models.package import Manifest
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service import (
    arguments,
    cell_report,
    compute_api,
    house_api,
    log_api,
    queue_api,
    usage,
    vault_api,
)
from jobs_jupyter.service.compute_api import ComputeHandlers
from jobs_jupyter.service.house_api import HouseHandlers
from jobs_jupyter.service.log_api import LogHandlers
from jobs_jupyter.service.log_text import LogText
from jobs_jupyter.service.masking import Masks
from jobs_jupyter.service.queue_api import QueueHandlers
from jobs_jupyter.service.routes import JOB, SUBMIT, Operation, json_body, openapi
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import asked, changes, packages, queries
from jobs_jupyter.service.vault_api import VaultHandlers

log = logging.getLogger(__name__)
API = 1
DEFAULT_PROJECT = "default"
STATUS_OF = {
    JobNotFoundError: 404,
    JobQueueNotFoundError: 404,
    ComputeConfigNotFoundError: 404,
    ConnectionNotFoundError: 404,
    SecretNotFoundError: 404,
    JobStateError: 409,
    LoginError: 422,
    VaultError: 503,
}


class Api(LogHandlers, QueueHandlers, ComputeHandlers, VaultHandlers, HouseHandlers):
    """The service's handlers, over what they share."""

    def __init__(self, state: ServiceState) -> None:
        self.state = state
        self.database = state.database
        self.supervisor = state.supervisor

    def app(self) -> Starlette:
        """Return the ASGI application."""
        failures = {JobsError: _failed, ValueError: _failed, HTTPException: _no_route, Exception: _unforeseen}
        return Starlette(routes=[op.route(self) for op in OPERATIONS], exception_handlers=failures)  # type: ignore[arg-type]

    async def describe(self, request: Request) -> Response:
        """This description."""
        return JSONResponse(openapi(OPERATIONS))

    async def service(self, request: Request) -> Response:
        """What this service is: its version, process, state directory, and how many jobs are active."""
        active = await self.database.read(queries.active_jobs)
        known = {"version": __version__, "api": API, "pid": os.getpid(), "active_jobs": active}
        return JSONResponse({**known, **self.state.about})

    async def stop_service(self, request: Request) -> Response:
        """Stop the service; runs go on, and the next service finds them."""
        self.state.stop()
        return JSONResponse({"pid": os.getpid()})

    async def submit(self, request: Request) -> Response:
        """Submit a job; it is on disk when the answer comes.

        The same idempotency key again returns the job that it made. With check_only nothing is stored.
        """
        body = await arguments.json_object(request)
        config = arguments.config(body)
        sent, interpreter = arguments.origin(body)
        variables = dict(os.environ) if sent is None else sent
        key, left_out = arguments.idempotency_key(body), arguments.left_out(body)
        arguments.cloud(config.cloud)
        check_only = arguments.boolean(body, "check_only")
        try:
            if not check_only:
                arguments.packaged(config)
            await self.supervisor.runner.refuse(config, interpreter)
            if check_only:  # else it is asked within the submit's transaction
                await self.database.read(asked.demand, config, config.project or DEFAULT_PROJECT)
            remotes = await self.supervisor.remotes.look(config, variables)
        except JobsError:
            if known := await self.database.read(queries.by_key, key):  # what it asked for was there then
                return _json(known, 201)
            raise
        if check_only:
            return JSONResponse({"accepted": True})
        new = changes.NewJob(
            id=new_job_id(),
            name=config.name or random_job_name(),
            project=config.project or DEFAULT_PROJECT,
            cloud=arguments.CLOUD,
            creator_id=self.state.user,
            config=config,
            interpreter=interpreter,
            idempotency_key=key,
            counts_as=self.state.counts_as,
            remotes=remotes,
        )
        return _json(await self.supervisor.accept(new, variables, left_out), 201)

    async def list_jobs(self, request: Request) -> Response:
        """One page of jobs; `cursor` asks for the one behind."""
        wanted = arguments.listing(request.query_params, self.state.user)
        found, following = await self.database.read(queries.page, wanted, self.state.shelf)
        return _json(f'{{"jobs":[{",".join(found)}],"next":{json.dumps(following)}}}')

    async def find_job(self, request: Request) -> Response:
        """A job by its id, or the newest of a name within a project."""
        query = request.query_params
        if "id" in query:
            return _json(await self.database.read(queries.by_id, query["id"]))
        arguments.cloud(query.get("cloud"))
        name, project = query.get("name", ""), query.get("project", DEFAULT_PROJECT)
        archived = arguments.flag(query, "include_archived")
        return _json(await self.database.read(queries.find, name, project, archived))

    async def get_job(self, request: Request) -> Response:
        """A job's status."""
        return _json(await self.database.read(queries.by_id, _id(request)))

    async def view_job(self, request: Request) -> Response:
        """A job as the feed shows it, as it is now."""
        return _json(await self.database.read(queries.view_of, _id(request)))

    async def terminate_job(self, request: Request) -> Response:
        """Begin to end a job; a terminal one stays as it is."""
        await self.supervisor.terminate(_id(request))
        return JSONResponse({"id": _id(request)})

    async def archive_job(self, request: Request) -> Response:
        """Hide a terminal job from look-ups by name and from lists."""
        await self.supervisor.change(changes.archive, _id(request))
        return JSONResponse({"id": _id(request)})

    async def delete_job(self, request: Request) -> Response:
        """Delete a terminal job with its runs, logs and outputs, for good."""
        await self.supervisor.delete(_id(request))
        return JSONResponse({"id": _id(request)})

    async def get_tags(self, request: Request) -> Response:
        """A job's tags."""
        return JSONResponse({"tags": await self.database.read(changes.tags_of, _id(request))})

    async def put_tags(self, request: Request) -> Response:
        """Add or change tags."""
        given = (await arguments.json_object(request)).get("tags")
        if not isinstance(given, dict) or not given:
            raise InvalidRequestError("`tags` must be an object with at least one key.")
        return JSONResponse({"tags": await self.supervisor.change(changes.set_tags, _id(request), given)})

    async def drop_tags(self, request: Request) -> Response:
        """Remove tags by key."""
        keys = request.query_params.getlist("key")
        if not keys:
            raise InvalidRequestError("Name at least one `key` to remove.")
        return JSONResponse({"tags": await self.supervisor.change(changes.drop_tags, _id(request), keys)})

    async def get_usage(self, request: Request) -> Response:
        """What a run has used, as a series of samples: CPU time so far and memory, with all its processes."""
        paths = await self._run(request, request.path_params["run"])
        assert paths is not None
        return JSONResponse(await asyncio.to_thread(usage.read, paths.usage))

    async def list_outputs(self, request: Request) -> Response:
        """What the last run left as results: names and sizes in bytes."""
        paths = await self._run(request, None)
        return JSONResponse({"outputs": await asyncio.to_thread(_files, paths.outputs) if paths else []})

    async def get_output(self, request: Request) -> Response:
        """One result of the last run."""
        paths = await self._run(request, None)
        name = request.path_params["name"]
        place = paths.outputs / name if paths else Path("/nonexistent")
        if not place.is_file() or place.is_symlink():
            raise JobNotFoundError(f"The job {_id(request)} has no output {name!r}.")
        if paths and place == paths.error and (masks := await self._masks(paths)):
            if (said := await asyncio.to_thread(cell_report.content, place)) is None:
                raise JobNotFoundError(
                    f"{name!r} of the job {_id(request)} is not what a cell's runner writes."
                )
            return Response(masks.masked(said), media_type="application/octet-stream")
        return FileResponse(place, media_type="application/octet-stream")

    async def events(self, request: Request) -> Response:
        """The change feed: replays what follows number `after`, then goes on as server-sent events."""
        query = request.query_params
        after = (
            arguments.number(query, "after", 0, low=0, high=arguments.LARGEST) if "after" in query else None
        )
        stream = self.state.feed.stream(after, query.getlist("job"), arguments.seconds(query, "wait_s"))
        return StreamingResponse(self.state.attend(stream), media_type="text/event-stream")

    async def add_package(self, request: Request) -> Response:
        """Store a package's manifest, or say which of its contents have to be sent first."""
        manifest = await asyncio.to_thread(Manifest.from_json, await request.body())
        store = self.supervisor.packages
        async with store.lock:
            missing = await asyncio.to_thread(store.missing, manifest)
            if not missing:
                await self._store_package(manifest)
        return JSONResponse({"uri": manifest.uri, "missing": missing})

    async def _store_package(self, manifest: Manifest) -> None:
        await asyncio.to_thread(self.supervisor.packages.add_manifest, manifest)
        now = self.supervisor.clock.now()
        await self.database.write(packages.add_package, manifest.digest, manifest.digests, now)

    async def use_package(self, request: Request) -> Response:
        """Say whether a package is stored; if so, it stays for the job that is to come.

        What a client of this machine hands over in a spool is stored first.
        """
        digest, store = request.path_params["digest"], self.supervisor.packages
        if spool := request.query_params.get("spool"):
            async with store.lock:
                if manifest := await asyncio.to_thread(store.take_package, spool, digest):
                    await self._store_package(manifest)
                    return JSONResponse({"stored": True})
        stored = await self.database.write(packages.use, digest, self.supervisor.clock.now())
        return JSONResponse({"stored": stored})

    async def add_blobs(self, request: Request) -> Response:
        """Store file contents, each under its SHA-256."""
        return JSONResponse({"stored": await self.supervisor.packages.add_blobs(_chunks(request))})

    async def _masks(self, paths: RunPaths) -> Masks | None:
        return await asyncio.to_thread(LogText(paths, self.state.vault, ended=True).masks)

    async def _run(self, request: Request, name: str | None) -> RunPaths | None:
        row = await self.database.read(queries.run_of, _id(request), name)
        return self.state.paths.job(row.job_id).run(row.name) if row else None


def _files(folder: Path) -> list[dict[str, Any]]:
    found = ((path.name, path.stat()) for path in sorted(folder.glob("*")) if path.exists())
    return [{"name": name, "size": about.st_size} for name, about in found if stat.S_ISREG(about.st_mode)]


def _id(request: Request) -> str:
    return str(request.path_params["id"])


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


def _json(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="application/json")


def _error(kind: str, message: str, status: int) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message}}, status)


async def _failed(request: Request, error: Exception) -> Response:
    if not isinstance(error, JobsError):
        return _error("InvalidRequestError", str(error), 400)
    return _error(type(error).__name__, str(error), STATUS_OF.get(type(error), 400))


async def _no_route(request: Request, error: HTTPException) -> Response:
    asked = f"{request.method} {request.url.path}"
    message = f"The service has no {asked}. A target is http://HOST:PORT, of the client's own version."
    return _error("UnsupportedError", message, error.status_code)


async def _unforeseen(request: Request, error: Exception) -> Response:
    log.error("%s %s", request.method, request.url.path, exc_info=error)
    if isinstance(error, OSError | OperationalError):
        said = str(error.orig) if isinstance(error, OperationalError) else str(error)
        return _error(
            "ServiceError", f"The service can't write its state: {said}. Free space or mend the rights.", 507
        )
    return _error("ServiceError", f"{type(error).__name__}: {error}. More is in the service's log.", 500)


_JOBS = {
    "type": "object",
    "properties": {"jobs": {"type": "array", "items": JOB}, "next": {"type": "string"}},
}
_LIST_QUERY = (
    "name",
    "job_id",
    "project",
    "cloud",
    "include_all_users",
    "include_archived",
    "state_filter",
    "tag",
)
_DATE_QUERY = tuple(f"{name}_{end}" for name in arguments.DATES for end in ("from", "to"))
_PAGE_QUERY = ("page_size", "sort_field", "sort_order", "cursor")
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_BINARY = {"type": "string", "format": "binary"}
_TAGS = {"type": "object", "properties": {"tags": {"type": "object"}}}

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/openapi.json", Api.describe),
    Operation("GET", "/v1/service", Api.service),
    Operation("POST", "/v1/service/stop", Api.stop_service),
    Operation("POST", "/v1/jobs", Api.submit, body=SUBMIT, answer=JOB, status=201),
    Operation("GET", "/v1/jobs", Api.list_jobs, query=_LIST_QUERY + _DATE_QUERY + _PAGE_QUERY, answer=_JOBS),
    Operation(
        "GET",
        "/v1/jobs/find",
        Api.find_job,
        query=("id", "name", "project", "cloud", "include_archived"),
        answer=JOB,
    ),
    Operation("GET", "/v1/jobs/{id}", Api.get_job, answer=JOB),
    Operation("GET", "/v1/jobs/{id}/view", Api.view_job),
    Operation("POST", "/v1/jobs/{id}/terminate", Api.terminate_job),
    Operation("POST", "/v1/jobs/{id}/archive", Api.archive_job),
    Operation("DELETE", "/v1/jobs/{id}", Api.delete_job),
    Operation("GET", "/v1/jobs/{id}/tags", Api.get_tags, answer=_TAGS),
    Operation("PUT", "/v1/jobs/{id}/tags", Api.put_tags, body=json_body(_TAGS), answer=_TAGS),
    Operation("DELETE", "/v1/jobs/{id}/tags", Api.drop_tags, query=("key",), answer=_TAGS),
    Operation("GET", "/v1/jobs/{id}/runs/{run}/usage", Api.get_usage),
    Operation("GET", "/v1/jobs/{id}/outputs", Api.list_outputs),
    Operation(
        "GET",
        "/v1/jobs/{id}/outputs/{name}",
        Api.get_output,
        media="application/octet-stream",
        answer=_BINARY,
    ),
    Operation("GET", "/v1/events", Api.events, query=("after", "job", "wait_s"), media="text/event-stream"),
    Operation("POST", "/v1/packages", Api.add_package, body=json_body({"type": "object"})),
    Operation("POST", "/v1/packages/{digest}", Api.use_package, query=("spool",)),
    Operation("POST", "/v1/blobs", Api.add_blobs, body=_BYTES),
    *log_api.OPERATIONS,
    *queue_api.OPERATIONS,
    *compute_api.OPERATIONS,
    *vault_api.OPERATIONS,
    *house_api.OPERATIONS,
)
