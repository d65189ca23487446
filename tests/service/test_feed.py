"""The feed: any number can be replayed, all who listen are told the same, the slow ones less often."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.service import feed as feeds
from jobs_jupyter.service.clock import Clock
from jobs_jupyter.service.feed import Feed
from jobs_jupyter.service.store import changes
from jobs_jupyter.service.store.database import Database

JOBS = ("a", "b", "c")
WITHIN_S = 10


class Writer:
    """A database with three jobs, and a feed that is told what is committed."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.clock = Clock()
        self.feed = Feed(self.database, self.clock)
        self.database.at_commit(lambda _: None, lambda: None, lambda told, _: self.feed.tell(told))

    async def change(self, what: Any, *args: Any) -> Any:
        return await self.database.write(what, *args, self.clock.now())

    async def begin(self) -> None:
        for name in JOBS:
            config = JobConfig(entrypoint="true")
            new = changes.NewJob(name, name, "default", "local", "me", config, None, None)
            await self.change(changes.add_job, new)

    async def tag(self, name: str, number: int) -> None:
        await self.change(changes.set_tags, name, {"n": str(number)})

    def restarted(self) -> Feed:
        """Another service's feed of the same database."""
        return Feed(self.database, self.clock)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path / "jobs.db")
    yield made
    made.database.close()


async def events(stream: AsyncIterator[bytes], count: int) -> list[tuple[int, str, str | None]]:
    """Return number, job and tag of so many events, or of all those in one piece more than that."""
    found: list[tuple[int, str, str | None]] = []
    async with asyncio.timeout(WITHIN_S):
        async for piece in stream:
            for line in piece.decode().splitlines():
                if line.startswith("data: "):
                    data = json.loads(line[6:])
                    assert data["kind"] != "place"
                    found.append((data["seq"], data["job"]["id"], data["job"]["tags"].get("n")))
            if len(found) >= count:
                break
    return found


async def comes_to(stream: AsyncIterator[bytes], text: bytes) -> None:
    async with asyncio.timeout(WITHIN_S):
        while text not in await anext(stream):
            pass


def test_every_number_can_be_replayed_by_this_service_and_the_next(writer: Writer) -> None:
    async def run() -> None:
        await writer.begin()
        for n in range(20):
            await writer.tag(JOBS[n % 3], n)
        whole = await events(writer.feed.stream(0, [], None), 23)
        assert [seq for seq, _, _ in whole] == list(range(1, 24))
        for after in (0, 1, 7, 22):
            for feed in (writer.feed, writer.restarted()):
                assert await events(feed.stream(after, [], None), 23 - after) == whole[after:]
                mine = [event for event in whole[after:] if event[1] == "b"]
                if mine:
                    assert await events(feed.stream(after, ["b"], None), len(mine)) == mine

    asyncio.run(run())


def test_whoever_listens_hears_what_a_replay_says(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "KEPT", 4)  # most of it is in the database alone

    async def run() -> None:
        await writer.begin()
        listening = [writer.feed.stream(3, [], None) for _ in range(5)]
        heard = [asyncio.create_task(events(stream, 30)) for stream in listening]
        late = asyncio.create_task(events(writer.feed.stream(0, [], None), 33))
        for n in range(30):
            await writer.tag(JOBS[n % 3], n)
        histories = await asyncio.gather(*heard)
        assert all(history == histories[0] for history in histories)
        assert (await late)[3:] == histories[0]
        assert await events(writer.restarted().stream(3, [], None), 30) == histories[0]

    asyncio.run(run())


def test_a_slow_reader_gets_the_newest_of_each_job(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "BATCH", 10)

    async def run() -> None:
        await writer.begin()
        slow, chosen = writer.feed.stream(None, [], 30), writer.feed.stream(None, ["a"], 30)
        for stream in (slow, chosen):
            await comes_to(stream, b": after 3")
        tagged = b'"kind": "tags"'  # its place in line may be told with that tag before
        waiting = [asyncio.create_task(comes_to(stream, tagged)) for stream in (slow, chosen)]
        await writer.tag("a", -1)
        await asyncio.gather(*waiting)  # both are up to date, and then read nothing for a while
        for n in range(60):
            await writer.tag(JOBS[n % 3], n)
        assert await events(slow, 3) == [(62, "a", "57"), (63, "b", "58"), (64, "c", "59")]
        assert [tag for _, _, tag in await events(chosen, 20)] == [str(n) for n in range(0, 60, 3)]
        assert len(await events(writer.feed.stream(0, [], None), 64)) == 64, "a replay leaves nothing out"

    asyncio.run(run())


def test_a_change_that_failed_is_not_told(writer: Writer) -> None:
    def fails(connection: Any, now: int) -> None:
        changes.set_tags(connection, "a", {"n": "never"}, now)
        raise ValueError("after it has told")

    async def run() -> None:
        await writer.begin()
        together = [writer.tag("b", 1), writer.change(fails), writer.tag("c", 2)]
        results = await asyncio.gather(*together, return_exceptions=True)
        assert isinstance(results[1], ValueError)
        await writer.tag("a", 3)
        told = await events(writer.feed.stream(0, [], None), 6)
        assert [event[1:] for event in told[3:]] == [("b", "1"), ("c", "2"), ("a", "3")]
        assert told == await events(writer.restarted().stream(0, [], None), 6)

    asyncio.run(run())
