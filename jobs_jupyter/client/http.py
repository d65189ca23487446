"""Requests to the service: one client a process, errors as exceptions, lost connections repeated.

Every request can be repeated: a submit carries a key, the others say what shall be, not what to do.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx

from jobs_jupyter.client import deadline, service
from jobs_jupyter.client.service import Endpoint
from jobs_jupyter.models.errors import ServiceHangsError, ServiceUnavailableError, error_class
from jobs_jupyter.models.paths import HOME_VARIABLE

ATTEMPTS = 5
NOT_FOUND = 404
LOST = (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)


class ServiceClient:
    """Talks to one service, which it finds, or starts, when it first has something to say."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._pid = 0
        self._target: tuple[str | None, ...] = ()
        self._endpoint: Endpoint | None = None
        self._http: httpx.Client | None = None
        self._users: Counter[httpx.Client] = Counter()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Any = None,
        body: Any = None,
        content: Any = None,
        meanwhile: Callable[[], object] | None = None,
        timeout: float = 60.0,
        gone_is_done: bool = False,
    ) -> httpx.Response:
        """Send a request and return its answer.

        Args:
            query: a mapping or a list of pairs.
            body: sent as JSON.
            content: bytes, or a function that returns an iterator of them, sent as they are.
            meanwhile: called when all of the `content`, of bytes, is sent, while the service works at it.
            timeout: in seconds, between two bytes of the answer.
            gone_is_done: where the answer was lost and the repeated request finds no job, the first
                one has done its work.

        Raises:
            JobsError: the service refused, or can't be reached; the class says which.
        """
        if body is not None:
            content = json.dumps(body).encode()
        headers = None
        if meanwhile is not None:
            headers, content = {"Content-Length": str(len(content))}, partial(_then, content, meanwhile)
        may_be_done = False
        for attempt in range(1, ATTEMPTS + 1):
            try:
                sent = content() if callable(content) else content
                with self._lent() as http:
                    answer = http.request(
                        method,
                        path,
                        params=query,
                        content=sent,
                        headers=headers,
                        timeout=deadline.at_most(timeout),
                    )
            except LOST as problem:
                may_be_done |= not isinstance(problem, httpx.ConnectError)
                self.reconnect()
                if attempt == ATTEMPTS or deadline.is_over():
                    raise self._unavailable(problem) from None
                time.sleep(deadline.at_most(0.05 * attempt))
            except httpx.HTTPError as problem:
                raise self._unavailable(problem) from None
            else:
                done = gone_is_done and may_be_done and answer.status_code == NOT_FOUND
                return answer if done else checked(answer)
        raise AssertionError("unreachable")

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the decoded JSON of its answer."""
        return self.request(method, path, **options).json()

    @contextmanager
    def stream(
        self, path: str, *, query: Any = None, timeout: float | None = 60.0
    ) -> Iterator[httpx.Response]:
        """Open a streamed answer. A lost connection is the caller's to resume; it is a `LOST` error."""
        limits = httpx.Timeout(timeout, connect=deadline.at_most(10.0))
        with self._lent() as http, http.stream("GET", path, params=query, timeout=limits) as answer:
            if not answer.is_success:
                answer.read()
            yield checked(answer)

    @property
    def endpoint(self) -> Endpoint:
        """The service that is talked to; started if need be."""
        self._connected()
        assert self._endpoint is not None
        return self._endpoint

    def reconnect(self) -> None:
        """Forget the connection; the next request looks for the service anew."""
        with self._locked():
            self._drop()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, for which another thread's start of the service may have to be waited."""
        if not self._lock.acquire(timeout=deadline.at_most(threading.TIMEOUT_MAX)):
            raise ServiceHangsError("Another thread has been looking for the jobs service for too long.")
        try:
            yield
        finally:
            self._lock.release()

    def _drop(self) -> None:
        """Close the connections, unless a thread is using one: then it closes them when it is done."""
        if self._http is not None and not self._users[self._http]:
            self._http.close()
        self._http = None

    @contextmanager
    def _lent(self) -> Iterator[httpx.Client]:
        with self._locked():
            http = self._connected()
            self._users[http] += 1
        try:
            yield http
        finally:
            with self._lock:
                self._users[http] -= 1
                if not self._users[http]:
                    del self._users[http]
                    if http is not self._http:
                        http.close()

    def _connected(self) -> httpx.Client:
        names = (HOME_VARIABLE, service.TARGET_VARIABLE, service.TOKEN_VARIABLE)
        target = tuple(os.environ.get(name) for name in names)
        with self._locked():
            if self._http is None or self._pid != os.getpid() or self._target != target:
                self._drop()
                self._endpoint = service.ensure()
                self._http = self._endpoint.client()
                self._pid, self._target = os.getpid(), target
            return self._http

    def _unavailable(self, problem: Exception) -> ServiceUnavailableError:
        place = self._endpoint.uds or self._endpoint.base_url if self._endpoint else "the jobs service"
        said = str(problem) or type(problem).__name__
        elsewhere = self._endpoint is not None and not self._endpoint.is_local
        step = f" Check {service.TARGET_VARIABLE}, or unset it to use this machine's." if elsewhere else ""
        kind = ServiceHangsError if isinstance(problem, httpx.TimeoutException) else ServiceUnavailableError
        return kind(f"The jobs service at {place} can't be reached: {said}.{step}")


def _then(content: bytes, meanwhile: Callable[[], object]) -> Iterator[bytes]:
    yield content
    meanwhile()  # the next piece is asked for once this one is on its way


def checked(answer: httpx.Response) -> httpx.Response:
    """Return a successful answer; raise what the service said otherwise."""
    if answer.is_success:
        return answer
    try:
        error = answer.json()["error"]
        kind, message = str(error["type"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        kind, message = "ServiceError", f"The service answered {answer.status_code}: {answer.text[:200]}"
    raise error_class(kind)(message)


client = ServiceClient()
"""The client that this process's functions share."""
atexit.register(client.reconnect)
