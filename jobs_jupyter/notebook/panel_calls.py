"""What a panel's page can ask of the service through the kernel: stop the job, look something up in a log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx

from jobs_jupyter.client.http import checked

Action = Callable[[httpx.AsyncClient], Awaitable[Any]]
WITHIN_S = 30.0
_SEARCH = ("text", "offset", "line", "until", "index")


def action(job_id: str, message: dict[str, Any]) -> Action | str:
    """Return what carries the call out; or, in words, why it can't be carried out.

    Raises:
        KeyError, TypeError, ValueError: the message makes no sense.
    """
    job = f"/v1/jobs/{quote(job_id, safe='')}"
    match message["method"]:
        case "stop":
            return lambda http: _stop(http, f"{job}/terminate")
        case "search":
            query = {name: str(message[name]) for name in _SEARCH if message.get(name) is not None}
            return lambda http: _search(http, f"{_log(job, message)}/search", query)
        case "size":
            return lambda http: _size(http, _log(job, message))
    return f"unknown method {message['method']!r}"


def kind_of(message: dict[str, Any]) -> str:
    """Return which log of a run is meant: `log` or `setup`."""
    return "setup" if message.get("kind") == "setup" else "log"


def _log(job: str, message: dict[str, Any]) -> str:
    return f"{job}/runs/{quote(str(message['run']), safe='')}/{kind_of(message)}"


async def _stop(http: httpx.AsyncClient, path: str) -> None:
    checked(await http.post(path, timeout=WITHIN_S))


async def _search(http: httpx.AsyncClient, path: str, query: dict[str, str]) -> Any:
    return checked(await http.get(path, params=query, timeout=WITHIN_S)).json()


async def _size(http: httpx.AsyncClient, path: str) -> int:
    answer = checked(await http.get(path, params={"offset": -1}, timeout=WITHIN_S))
    return int(answer.headers["X-Log-Size"])
