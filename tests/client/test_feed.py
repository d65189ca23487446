"""The kernel's feed, against a server that goes away, comes back, and outruns it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jobs_jupyter.client.feed import Feed, LogPart, LogRequest
from tests.client.stub_service import StubService, running
from tests.noise import noise

PATIENCE_S = 10


@pytest.fixture
def stub() -> Iterator[StubService]:
    with tempfile.TemporaryDirectory(prefix="jj-", dir="/tmp") as folder, running(Path(folder)) as service:
        yield service


@pytest.fixture
def feed(stub: StubService) -> Iterator[Feed]:
    made = Feed(ensure=stub.start)
    yield made
    made.close()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.01)


class Log:
    """A sink that keeps what it gets, and can be slow."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.parts: list[LogPart] = []
        self.gate = asyncio.Event()
        self.pause_s = pause_s

    async def __call__(self, part: LogPart) -> None:
        self.parts.append(part)
        await asyncio.sleep(self.pause_s)

    @property
    def data(self) -> bytes:
        return b"".join(part.data for part in self.parts)

    @property
    def ended(self) -> bool:
        return any(part.ended for part in self.parts)


def states(seen: list[dict[str, Any]]) -> list[str]:
    return [view["state"] for view in seen]


def test_the_current_state_comes_first_then_each_change(stub: StubService, feed: Feed) -> None:
    stub.publish("a", "STARTING")
    stub.publish("b", "RUNNING")
    seen: list[dict[str, Any]] = []
    feed.watch("a", seen.append)
    eventually(lambda: states(seen) == ["STARTING"])
    stub.publish("a", "RUNNING")
    eventually(lambda: states(seen) == ["STARTING", "RUNNING"])
    assert {view["id"] for view in seen} == {"a"}


def test_one_stream_for_all_and_none_once_all_are_over(stub: StubService, feed: Feed) -> None:
    for name in ("a", "b"):
        stub.publish(name, "RUNNING")
    seen: dict[str, list[dict[str, Any]]] = {"a": [], "b": []}
    feed.watch("a", seen["a"].append)
    feed.watch("b", seen["b"].append)
    eventually(lambda: seen["a"] and seen["b"] and stub.open_streams == 1)
    stub.publish("a", "SUCCEEDED")
    eventually(lambda: states(seen["a"]) == ["RUNNING", "SUCCEEDED"])
    assert feed.streaming
    stub.publish("b", "FAILED")
    eventually(lambda: not feed.streaming and stub.open_streams == 0)
    count = len(stub.requests)
    late: list[dict[str, Any]] = []
    feed.watch("b", late.append)
    eventually(lambda: states(late) == ["FAILED"])
    assert len(stub.requests) == count


def test_nothing_is_missed_while_the_service_is_away(stub: StubService, feed: Feed) -> None:
    stub.publish("a", "STARTING")
    seen: list[dict[str, Any]] = []
    feed.watch("a", seen.append)
    eventually(lambda: seen)
    stub.stop()
    stub.publish("a", "RUNNING")
    eventually(lambda: states(seen) == ["STARTING", "RUNNING"])  # the feed has started it again


def test_a_service_is_not_brought_back_for_what_is_over(stub: StubService, feed: Feed) -> None:
    stub.publish("a", "SUCCEEDED")
    seen: list[dict[str, Any]] = []
    feed.watch("a", seen.append)
    eventually(lambda: seen and not feed.streaming)
    stub.stop()
    feed.call(_nothing).result(PATIENCE_S)
    assert stub._server is None


async def _nothing(_http: httpx.AsyncClient) -> None:
    return None


def test_cancelling_the_last_watch_closes_the_stream(stub: StubService, feed: Feed) -> None:
    stub.publish("a", "RUNNING")
    seen: list[dict[str, Any]] = []
    cancel = feed.watch("a", seen.append)
    eventually(lambda: seen)
    cancel()
    eventually(lambda: stub.open_streams == 0)


def test_a_failing_watcher_does_not_harm_the_others(
    stub: StubService, feed: Feed, capfd: pytest.CaptureFixture[str]
) -> None:
    stub.publish("a", "RUNNING")

    def fail(_view: dict[str, Any]) -> None:
        raise RuntimeError

    seen: list[dict[str, Any]] = []
    feed.watch("a", fail)
    feed.watch("a", seen.append)
    stub.publish("a", "SUCCEEDED")
    eventually(lambda: "SUCCEEDED" in states(seen))
    assert capfd.readouterr() == ("", "")


def test_a_log_is_followed_to_its_end(stub: StubService, feed: Feed) -> None:
    stub.log += b"one\n"
    log = Log()
    feed.follow_log("a", LogRequest("r", 0), log)
    eventually(lambda: log.data == b"one\n")
    stub.log += b"two\n"
    eventually(lambda: log.data == b"one\ntwo\n")
    assert not log.ended
    stub.run_over = True
    eventually(lambda: log.ended)
    assert log.parts[-1].offset == 8


def test_a_tail_says_how_much_is_before_it(stub: StubService, feed: Feed) -> None:
    stub.log += bytes(1000)
    stub.run_over = True
    log = Log()
    feed.follow_log("a", LogRequest("r", -100), log)
    eventually(lambda: log.ended)
    assert (log.parts[0].offset, log.parts[0].passed_over, len(log.data)) == (900, 900, 100)


def test_a_log_resumes_where_it_broke(stub: StubService, feed: Feed) -> None:
    stub.log += b"before "
    log = Log()
    feed.follow_log("a", LogRequest("r", 0), log)
    eventually(lambda: log.data == b"before ")
    stub.stop()
    stub.log += b"after"
    stub.run_over = True
    eventually(lambda: log.ended)
    assert log.data == b"before after"


def test_a_log_that_outruns_its_sink_is_passed_over(stub: StubService, feed: Feed) -> None:
    stub.log += noise(20_000_000)
    stub.run_over = True
    log = Log(pause_s=0.3)
    feed.follow_log("a", LogRequest("r", 0), log)
    eventually(lambda: log.ended)
    assert sum(part.passed_over for part in log.parts) > 10_000_000
    at = 0
    for part in log.parts:
        assert part.offset == at + part.passed_over
        assert part.data == stub.log[part.offset : part.offset + len(part.data)]
        at = part.offset + len(part.data)
    assert at == len(stub.log)


def test_a_whole_log_is_never_passed_over(stub: StubService, feed: Feed) -> None:
    stub.log += noise(8_000_000)
    log = Log(pause_s=0.05)
    feed.follow_log("a", LogRequest("r", 0, whole=True), log)
    eventually(lambda: log.ended)
    assert log.data == stub.log


def test_a_refused_log_says_why_and_ends(stub: StubService, feed: Feed) -> None:
    log = Log()
    feed.follow_log("a", LogRequest("none", 0), log)
    eventually(lambda: log.parts)
    assert log.parts == [LogPart(0, error="there is no run 'none'")]


def test_actions_start_a_service_that_is_away(stub: StubService, feed: Feed) -> None:
    async def terminate(http: httpx.AsyncClient) -> int:
        return (await http.post("/v1/jobs/a/terminate")).status_code

    assert feed.call(terminate).result(PATIENCE_S) == 200
    stub.stop()
    assert feed.call(terminate).result(PATIENCE_S) == 200
    assert len(stub.events) == 2


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_begins_anew(stub: StubService, feed: Feed) -> None:
    feed.start()

    def child() -> None:
        feed.start()
        os._exit(0 if feed.loop.is_running() else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == 0
