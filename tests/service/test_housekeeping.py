"""When the house is kept: at the start, and with a change once it is due."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from jobs_jupyter.models.errors import JobNotFoundError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.settings import Configuration, JobRetention, Retention, Settings
from jobs_jupyter.service import housekeeping
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import changes, snapshot
from jobs_jupyter.service.store.schema import jobs


def ended(connection: Any, name: str, _: int = 0) -> None:
    """Add a job that ended long ago."""
    texts = dict.fromkeys(("project", "cloud", "creator_id"), "") | {"config": "{}", "tags": "{}"}
    times = dict.fromkeys(("created_at", "updated_at", "status_updated_at", "ended_at"), 1)
    connection.execute(insert(jobs).values(id=name, name=name, state="FAILED", max_runs=1, **texts, **times))


async def kept(home: Path) -> None:
    settings = Settings(retention=Retention(jobs=JobRetention(max_count=0)))
    state = ServiceState(StatePaths(home), Configuration(settings, {}))
    await state.supervisor.change(ended, "first")
    keeping = asyncio.create_task(state.housekeeping.run())
    try:
        async with asyncio.timeout(10):
            changed = state.feed.next_change()
            while await state.database.read(snapshot.job_ids):
                await changed.wait()
                changed = state.feed.next_change()
            await state.supervisor.change(ended, "second")
            with contextlib.suppress(JobNotFoundError):
                for number in count():
                    await state.supervisor.change(changes.set_tags, "second", {"number": str(number)})
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await state.supervisor.close()
        state.database.close()


def test_at_the_start_and_with_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "EVERY_S", 0.1)
    home.mkdir()
    asyncio.run(kept(home))
