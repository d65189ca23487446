"""httpx's transports to the service's Unix socket, which look at who listens before anything is sent."""

from __future__ import annotations

from typing import Any

import httpx

from jobs_jupyter.models import peer
from jobs_jupyter.models.errors import ServiceUnavailableError

_CONNECTED = "connection.connect_unix_socket.complete"


class LocalTransport(httpx.HTTPTransport):
    """To the Unix socket at a path; each new connection is refused if another user listens."""

    def __init__(self, path: str) -> None:
        super().__init__(uds=path, verify=False)
        self._path = path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""

        def trace(name: str, info: dict[str, Any]) -> None:
            if name == _CONNECTED:
                stream = info["return_value"]
                try:
                    peer.check(stream.get_extra_info("socket"), self._path)
                except ServiceUnavailableError:
                    stream.close()
                    raise

        request.extensions = {**request.extensions, "trace": trace}
        return super().handle_request(request)


class AsyncLocalTransport(httpx.AsyncHTTPTransport):
    """The same for asyncio."""

    def __init__(self, path: str) -> None:
        super().__init__(uds=path, verify=False)
        self._path = path

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""

        async def trace(name: str, info: dict[str, Any]) -> None:
            if name == _CONNECTED:
                stream = info["return_value"]
                try:
                    peer.check(stream.get_extra_info("socket"), self._path)
                except ServiceUnavailableError:
                    await stream.aclose()
                    raise

        request.extensions = {**request.extensions, "trace": trace}
        return await super().handle_async_request(request)
