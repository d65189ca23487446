"""A small server that speaks what the feed uses of the wire protocol, and goes away when told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from jobs_jupyter.client.service import Endpoint


class StubService:
    """Jobs as plain views, one log; `stop` and `start` make it go away and come back."""

    def __init__(self, socket: Path) -> None:
        """Listen at `socket`, once started."""
        self.endpoint = Endpoint("http://stub", uds=str(socket))
        self.events: list[dict[str, Any]] = []
        self.log = bytearray()
        self.run_over = False
        self.requests: list[str] = []
        self.open_streams = 0
        self._server: uvicorn.Server | None = None

    def publish(self, job_id: str, state: str, kind: str = "state") -> None:
        """Append an event."""
        view = {"id": job_id, "name": "n", "state": state, "runs": [], "max_runs": 1}
        self.events.append({"seq": len(self.events) + 1, "at": "", "kind": kind, "job": view})

    def start(self) -> Endpoint:
        """Start serving, unless it does already; return where."""
        if self._server is None:
            Path(self.endpoint.uds or "").unlink(missing_ok=True)
            app = Starlette(
                routes=[
                    Route("/v1/events", self._events),
                    Route("/v1/jobs/{id}/runs/{run}/log", self._log),
                    Route("/v1/jobs/{id}", self._job),
                    Route("/v1/jobs/{id}/terminate", self._terminate, methods=["POST"]),
                ]
            )
            config = uvicorn.Config(app, uds=self.endpoint.uds, log_config=None, lifespan="off")
            self._server = uvicorn.Server(config)
            self._thread = threading.Thread(target=self._server.run)
            self._thread.start()
            while not self._server.started:
                threading.Event().wait(0.01)
        return self.endpoint

    def stop(self) -> None:
        """Drop all connections, as a killed service does."""
        if self._server is not None:
            self._server.force_exit = self._server.should_exit = True
            self._thread.join()
            self._server = None

    async def _events(self, request: Request) -> Response:
        jobs = request.query_params.getlist("job")
        self.requests.append(f"events {','.join(sorted(jobs))}")

        async def stream() -> AsyncIterator[bytes]:
            after = int(request.query_params.get("after", 0))
            yield b": hello\n\n"
            async with self._counted():
                while self._serving():
                    for event in self.events[after:]:
                        after = event["seq"]
                        if event["job"]["id"] in jobs:
                            yield f"id: {after}\nevent: job\ndata: {json.dumps(event)}\n\n".encode()
                    await asyncio.sleep(0.01)

        return StreamingResponse(stream())

    async def _log(self, request: Request) -> Response:
        offset, size = int(request.query_params["offset"]), len(self.log)
        start = max(0, size + offset) if offset < 0 else min(offset, size)
        follow = request.query_params.get("follow") == "1"
        self.requests.append(f"log {offset} {follow}")
        if request.path_params["run"] == "none":
            error = {"type": "InvalidRequestError", "message": "there is no run 'none'"}
            return JSONResponse({"error": error}, status_code=404)

        async def stream() -> AsyncIterator[bytes]:
            at = start
            while self._serving():
                end = len(self.log) if follow else size
                while at < end:
                    yield bytes(self.log[at : min(end, at + 65536)])
                    at = min(end, at + 65536)
                if not follow or (self.run_over and at == len(self.log)):
                    return
                await asyncio.sleep(0.01)

        return StreamingResponse(stream(), headers={"X-Log-Offset": str(start), "X-Log-Size": str(size)})

    async def _job(self, _request: Request) -> Response:
        return JSONResponse({"runs": [{"name": "r", "state": "SUCCEEDED" if self.run_over else "RUNNING"}]})

    async def _terminate(self, request: Request) -> Response:
        self.publish(request.path_params["id"], "TERMINATED")
        return JSONResponse({"id": request.path_params["id"]})

    def _serving(self) -> bool:
        return self._server is not None and not self._server.should_exit

    @contextlib.asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self.open_streams += 1
        try:
            yield
        finally:
            self.open_streams -= 1


@contextlib.contextmanager
def running(folder: Path) -> Iterator[StubService]:
    """A stub that serves in a folder."""
    stub = StubService(folder / "s")
    stub.start()
    try:
        yield stub
    finally:
        stub.stop()
