"""The feed's one connection pool to the service, renewed when another service has taken its place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx

from jobs_jupyter.client.http import checked
from jobs_jupyter.client.service import Endpoint


class Link:
    """Gives an HTTP client for the service, which it starts if none runs.

    `ensure` may block; it runs in a thread of its own. All methods belong to one event loop.
    """

    def __init__(self, ensure: Callable[[], Endpoint]) -> None:
        """Find the service with `ensure`, at the first use."""
        self._ensure = ensure
        self._lock = asyncio.Lock()
        self._endpoint: Endpoint | None = None
        self._http: httpx.AsyncClient | None = None
        self._stale = True

    async def http(self) -> httpx.AsyncClient:
        """Return the client; after `invalidate`, make sure first that there is a service."""
        async with self._lock:
            if self._stale or self._http is None:
                await self._renew()
            assert self._http is not None
            return self._http

    def invalidate(self) -> None:
        """Say that the service did not answer."""
        self._stale = True

    async def close(self) -> None:
        """Close all connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _renew(self) -> None:
        endpoint = await asyncio.to_thread(self._ensure)
        if endpoint != self._endpoint or self._http is None:
            await self.close()
            # Streams wait as long as it takes for their next byte.
            self._http = endpoint.async_client(timeout=None)
            self._endpoint = endpoint
        self._stale = False


async def raise_for_error(response: httpx.Response) -> None:
    """Raise the error that a streamed 4xx or 5xx answer stands for."""
    if not response.is_success:
        await response.aread()
        checked(response)


class Backoff:
    """Growing pauses between attempts, in seconds."""

    def __init__(self, first: float = 0.1, most: float = 5.0) -> None:
        """Begin with `first` and double up to `most`."""
        self._first, self._most, self._next = first, most, first

    def reset(self) -> None:
        """Begin again; the last attempt went well."""
        self._next = self._first

    async def pause(self) -> None:
        """Wait; longer each time."""
        await asyncio.sleep(self._next)
        self._next = min(self._most, 2 * self._next)
