"""The requests about the service's own house: its settings, what it may clear away, its backup."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs_jupyter.service.routes import Operation
from jobs_jupyter.service.state import ServiceState


class HouseHandlers:
    """One request, one short handler."""

    state: ServiceState

    async def settings(self, request: Request) -> Response:
        """The settings in force, and where each comes from."""
        return JSONResponse({"settings": self.state.configuration.entries()})


OPERATIONS: tuple[Operation, ...] = (Operation("GET", "/v1/settings", HouseHandlers.settings),)
