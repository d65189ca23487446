"""Listening: sockets that only their owner can reach, and a server that does not tick."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Generator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from jobs_jupyter.models.errors import ServiceStartError

BACKLOG = 2048
GRACEFUL_S = 3


class Listener(uvicorn.Server):
    """A uvicorn server that waits for an event instead of waking ten times a second."""

    def __init__(self, app: ASGIApp, stopped: asyncio.Event) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                date_header=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACEFUL_S,
            )
        )
        self.listening = asyncio.Event()
        self._stopped = stopped

    async def main_loop(self) -> None:
        """Until the service is told to stop."""
        await self.on_tick(0)
        self.listening.set()
        await self._stopped.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to the service: it may listen on two sockets."""
        yield


def unix_socket(path: Path) -> socket.socket:
    """Return a socket of mode 0600, bound in a directory of which is known whose it is."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    return made


def tcp_socket(host: str, port: int) -> socket.socket:
    """Return a socket bound to this address; port 0 takes a free one."""
    with contextlib.ExitStack() as opened:
        try:
            family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            made = opened.enter_context(socket.socket(family, kind))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
        except OSError as problem:
            why = problem.strerror or problem
            raise ServiceStartError(
                f"it can't listen on host={host}, port={port}: {why}. Use an address of this machine and a "
                "free port; port 0 takes one"
            ) from None
        opened.pop_all()
    return made
