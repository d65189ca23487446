"""Streams that go on where they stopped: the change feed and logs, for as long as is asked.

The service may go away and come back meanwhile; each stream knows how far it got.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from jobs_jupyter.client.http import LOST, client
from jobs_jupyter.client.sse import SSEDecoder
from jobs_jupyter.models.errors import ServiceUnavailableError
from jobs_jupyter.models.log_gap import mark

SLACK_S = 0.25
RETRY_S = 0.1
LONGEST_WAIT_S = 1e9  # what the service takes
LONGEST_TIMER_S = 1e6  # a socket's timer holds 24 days
_BROKEN = (*LOST, httpx.TimeoutException, ServiceUnavailableError)


def events(job_id: str, deadline: float, after: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the job's events that follow number `after`, until `deadline` (of time.monotonic)."""
    while (left := deadline - time.monotonic()) > 0:
        decoder = SSEDecoder()
        query = {"job": job_id, "after": after, "wait_s": f"{min(left, LONGEST_WAIT_S):.3f}"}
        try:
            with (
                client.stream(
                    "/v1/events", query=query, timeout=min(left + SLACK_S, LONGEST_TIMER_S)
                ) as answer,
                _ended_by(deadline + SLACK_S, answer),
            ):
                for chunk in answer.iter_raw():
                    for event in decoder.feed(chunk):
                        after = int(event.id)
                        yield event.json()
        except _BROKEN:
            _again(deadline)


def log(job_id: str, run: str, deadline: float, offset: int = 0, kind: str = "log") -> Iterator[bytes]:
    """Yield a run's log from `offset` on, until the run has ended or `deadline` has come.

    Its setup log, where `kind` is `setup`, ends once the run begins.

    In the place of a part that was left out there is a line that says so.
    """
    last = b"\n"
    path = f"/v1/jobs/{job_id}/runs/{run}/{kind}"
    while (left := deadline - time.monotonic()) > 0:
        query = {"offset": offset, "follow": "1", "wait_s": f"{min(left, LONGEST_WAIT_S):.3f}"}
        try:
            with (
                client.stream(path, query=query, timeout=_timeout(left)) as answer,
                _ended_by(deadline + SLACK_S, answer),
            ):
                if (left_out := int(answer.headers["X-Log-Offset"]) - offset) > 0:
                    offset += left_out
                    yield (b"" if last.endswith(b"\n") else b"\n") + mark(left_out)
                for chunk in answer.iter_raw():
                    offset += len(chunk)
                    last = chunk or last
                    yield chunk
            return  # a service that ends in between breaks the stream off
        except _BROKEN:
            _again(deadline)


def _timeout(left: float) -> float:
    return min(left + SLACK_S, LONGEST_TIMER_S)


@contextmanager
def _ended_by(moment: float, answer: httpx.Response) -> Iterator[None]:
    """Break a stream off at a moment: its timeout is for the next byte, counted from the last one."""
    left = moment - time.monotonic()
    if left > LONGEST_TIMER_S:
        yield
        return
    timer = threading.Timer(left, _shut, [answer.extensions["network_stream"].get_extra_info("socket")])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _again(deadline: float) -> None:
    client.reconnect()
    time.sleep(max(0.0, min(RETRY_S, deadline - time.monotonic())))
