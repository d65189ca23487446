"""The requests about runs' logs."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from jobs_jupyter.models.log_gap import gap_of
from jobs_jupyter.service import arguments, follow, logs
from jobs_jupyter.service.log_search import LogSearch
from jobs_jupyter.service.log_text import LogText
from jobs_jupyter.service.routes import Operation
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.records import ALIVE

PREPARING = ("STARTING",)


class _Log(NamedTuple):
    """A log, and in which states of its run it may grow."""

    text: LogText
    states: tuple[str, ...]


class LogHandlers:
    """One request, one short handler."""

    state: ServiceState
    database: Database

    async def get_logs(self, request: Request) -> Response:
        """The first or last lines of a run's log, or of its setup log, or all of it."""
        query = request.query_params
        mode, lines = arguments.log_lines(query)
        found = await self._log(request, query.get("run"), setup=arguments.flag(query, "setup"))
        content = await asyncio.to_thread(logs.read, found.text, mode, lines) if found else b""
        return Response(content, media_type="text/plain; charset=utf-8")

    async def stream_log(self, request: Request) -> Response:
        """A run's log as bytes from an offset on, following what is still being written if asked to."""
        return await self._stream(request, setup=False)

    async def stream_setup(self, request: Request) -> Response:
        """A run's setup log in the same way; it ends once the run begins."""
        return await self._stream(request, setup=True)

    async def search_log(self, request: Request) -> Response:
        """Where a run's log has a text: how often in which part, or one match."""
        return await self._search(request, setup=False)

    async def search_setup(self, request: Request) -> Response:
        """Where a run's setup log has a text."""
        return await self._search(request, setup=True)

    async def _stream(self, request: Request, *, setup: bool) -> Response:
        query, run = request.query_params, request.path_params["run"]
        found = await self._log(request, run, setup=setup)
        assert found is not None
        text = found.text
        size, gap = await asyncio.to_thread(text.size), gap_of(text.path)
        start = follow.first(arguments.number(query, "offset", 0), size, gap)
        wait_s = arguments.seconds(query, "wait_s")
        if arguments.flag(query, "follow"):
            body = follow.log(self.state, run, text, start, wait_s, found.states)
        else:
            body = follow.span(text, start, min(size, arguments.number(query, "until", size, low=0)))
        return StreamingResponse(
            body, headers=follow.headers(start, size, gap), media_type="application/octet-stream"
        )

    async def _search(self, request: Request, *, setup: bool) -> Response:
        query = request.query_params
        wanted = arguments.searched(query)
        found = await self._log(request, request.path_params["run"], setup=setup)
        assert found is not None
        search = LogSearch(found.text, wanted.text)
        async with self.state.searching:  # one after the other: each takes a processor
            if wanted.index is not None:
                match = await asyncio.to_thread(search.match, wanted.offset, wanted.line, wanted.index)
                return JSONResponse({"match": match and match._asdict()})
            counted = await asyncio.to_thread(search.count, wanted.offset, wanted.line, wanted.until)
        return JSONResponse(asdict(counted))

    async def _log(self, request: Request, name: str | None, *, setup: bool) -> _Log | None:
        """Return the named run's log, or the last run's; None where there is no run yet."""
        row = await self.database.read(queries.run_of, request.path_params["id"], name)
        if row is None:
            return None
        states = PREPARING if setup else ALIVE
        paths = self.state.paths.job(row.job_id).run(row.name)
        return _Log(LogText(paths, self.state.vault, ended=row.state not in states, setup=setup), states)


_BYTES: dict[str, Any] = {
    "media": "application/octet-stream",
    "answer": {"type": "string", "format": "binary"},
}
_SPAN = ("offset", "until", "follow", "wait_s")
_SEARCH = ("text", "offset", "line", "until", "index")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/jobs/{id}/logs",
        LogHandlers.get_logs,
        query=("run", "mode", "max_lines", "setup"),
        media="text/plain",
    ),
    *(
        Operation("GET", f"/v1/jobs/{{id}}/runs/{{run}}/{kind}", handler, query=_SPAN, **_BYTES)
        for kind, handler in (("log", LogHandlers.stream_log), ("setup", LogHandlers.stream_setup))
    ),
    *(
        Operation("GET", f"/v1/jobs/{{id}}/runs/{{run}}/{kind}/search", handler, query=_SEARCH)
        for kind, handler in (("log", LogHandlers.search_log), ("setup", LogHandlers.search_setup))
    ),
)
