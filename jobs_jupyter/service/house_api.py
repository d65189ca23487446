"""The requests about the service's own house: its settings, what it may clear away, its backup."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from jobs_jupyter.service import arguments
from jobs_jupyter.service.routes import Operation, json_body
from jobs_jupyter.service.state import ServiceState


class HouseHandlers:
    """One request, one short handler."""

    state: ServiceState

    async def settings(self, request: Request) -> Response:
        """The settings in force, and where each comes from."""
        return JSONResponse({"settings": self.state.configuration.entries()})

    async def clear_away(self, request: Request) -> Response:
        """Delete what the settings say is not to be kept; with dry_run only say what that is."""
        dry_run = arguments.boolean(await arguments.json_object(request), "dry_run")
        cleared = await self.state.housekeeping.clear(dry_run=dry_run)
        total = sum(victim.bytes for victim in cleared)
        return JSONResponse({"dry_run": dry_run, "deleted": [asdict(v) for v in cleared], "bytes": total})

    async def backup(self, request: Request) -> Response:
        """A backup of all jobs with their logs, results and packages, as a .tar.gz."""
        from jobs_jupyter.service.backup import Backup  # late: a start has no use for archives

        made = Backup(self.state.paths, self.state.database, self.state.vault)
        await made.begin()
        return StreamingResponse(self.state.attend(made.stream()), media_type="application/gzip")


_BINARY = {"type": "string", "format": "binary"}
_GC = json_body({"type": "object", "properties": {"dry_run": {"type": "boolean"}}})

OPERATIONS: tuple[Operation, ...] = (
    Operation("GET", "/v1/settings", HouseHandlers.settings),
    Operation("POST", "/v1/gc", HouseHandlers.clear_away, body=_GC),
    Operation("GET", "/v1/backup", HouseHandlers.backup, media="application/gzip", answer=_BINARY),
)
