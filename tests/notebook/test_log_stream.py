"""Credits, pace and probes of a log on its way to a page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobs_jupyter.client.feed import LogPart
from jobs_jupyter.notebook import log_stream
from jobs_jupyter.notebook.log_stream import LogStream
from jobs_jupyter.notebook.pace import Pacer

KIB = 1024


class Page:
    """What a page would get."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, message: dict[str, Any], buffers: list[bytes]) -> None:
        self.messages.append({**message, "size": sum(map(len, buffers))})

    def types(self) -> list[str]:
        return [message["type"] for message in self.messages]


def test_two_parts_are_on_their_way_at_most() -> None:
    async def scenario() -> None:
        page = Page()
        stream = LogStream("c", 1, page, Pacer(0))
        part = bytes(256 * KIB)
        await stream(LogPart(1000, part, passed_over=1000))
        second = asyncio.create_task(stream(LogPart(1000 + len(part), part)))
        await asyncio.sleep(0.3)
        assert not second.done()
        stream.acknowledge(1000 + len(part))
        await asyncio.wait_for(second, 2)
        assert page.messages[0] == {
            "type": "log",
            "client": "c",
            "req": 1,
            "offset": 1000,
            "passed_over": 1000,
            "size": len(part),
        }
        stream.close()

    asyncio.run(scenario())


def test_what_is_passed_over_takes_no_credit() -> None:
    async def scenario() -> None:
        stream = LogStream("c", 1, Page(), Pacer(0))
        await stream(LogPart(0, b"abc"))
        await asyncio.wait_for(stream(LogPart(10**9, b"abc", passed_over=10**9 - 3)), 2)
        stream.close()

    asyncio.run(scenario())


def test_a_page_that_is_silent_is_told_how_far_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "PROBE_AFTER_S", 0.01)

    async def scenario() -> None:
        page = Page()
        stream = LogStream("c", 1, page, Pacer(0))
        await stream(LogPart(0, b"abc"))
        await asyncio.sleep(0.6)
        assert page.types() == ["log", *["at"] * log_stream.PROBES]
        assert page.messages[-1]["offset"] == 3
        stream.acknowledge(3)
        await stream(LogPart(3, ended=True))
        await asyncio.sleep(0.1)
        assert page.types()[-1] == "end"
        stream.close()

    asyncio.run(scenario())


def test_one_panel_sends_ten_times_a_second_and_all_sixty_times() -> None:
    async def sends(streams: int, seconds: float) -> int:
        page, pacer = Page(), Pacer()

        async def flood(stream: LogStream) -> None:
            offset = 0
            while True:
                await stream(LogPart(offset, b"x"))
                offset += 1
                stream.acknowledge(offset)

        tasks = [asyncio.create_task(flood(LogStream("c", n, page, pacer))) for n in range(streams)]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return len(page.messages)

    assert asyncio.run(sends(1, 1.0)) <= 12
    # Each may send its first line at once; then there is a moment for one at a time.
    assert asyncio.run(sends(20, 1.0)) <= 20 + 62


def test_a_closed_stream_says_nothing() -> None:
    async def scenario() -> None:
        page = Page()
        stream = LogStream("c", 1, page, Pacer(0))
        stream.close()
        await stream(LogPart(0, b"abc"))
        assert page.messages == []

    asyncio.run(scenario())
