"""The requests about runs' logs."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from jobs_jupyter.models.log_gap import gap_of
from jobs_jupyter.service import arguments, follow, logs
from jobs_jupyter.service.log_text import LogText
from jobs_jupyter.service.routes import Operation
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import queries
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.records import ALIVE


class LogHandlers:
    """One request, one short handler."""

    state: ServiceState
    database: Database

    async def get_logs(self, request: Request) -> Response:
        """The first or last lines of a run's log, or all of it."""
        mode, lines = arguments.log_lines(request.query_params)
        text = await self._log(request, request.query_params.get("run"))
        content = await asyncio.to_thread(logs.read, text, mode, lines) if text else b""
        return Response(content, media_type="text/plain; charset=utf-8")

    async def stream_log(self, request: Request) -> Response:
        """A run's log as bytes from an offset on, following what is still being written if asked to."""
        query = request.query_params
        text = await self._log(request, request.path_params["run"])
        assert text is not None
        size, gap = await asyncio.to_thread(text.size), gap_of(text.path)
        start = follow.first(arguments.number(query, "offset", 0), size, gap)
        wait_s = arguments.seconds(query, "wait_s")
        if arguments.flag(query, "follow"):
            body = follow.log(self.state, request.path_params["run"], text, start, wait_s)
        else:
            body = follow.span(text, start, size)
        return StreamingResponse(
            body, headers=follow.headers(start, size, gap), media_type="application/octet-stream"
        )

    async def _log(self, request: Request, name: str | None) -> LogText | None:
        """Return the named run's log, or the last run's; None where there is no run yet."""
        row = await self.database.read(queries.run_of, request.path_params["id"], name)
        if row is None:
            return None
        paths = self.state.paths.job(row.job_id).run(row.name)
        return LogText(paths, self.state.vault, ended=row.state not in ALIVE)


_BINARY = {"type": "string", "format": "binary"}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/v1/jobs/{id}/logs",
        LogHandlers.get_logs,
        query=("run", "mode", "max_lines"),
        media="text/plain",
    ),
    Operation(
        "GET",
        "/v1/jobs/{id}/runs/{run}/log",
        LogHandlers.stream_log,
        query=("offset", "follow", "wait_s"),
        media="application/octet-stream",
        answer=_BINARY,
    ),
)
