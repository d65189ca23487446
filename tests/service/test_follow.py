"""Following a log: it ends with its run, whenever the run ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.names import new_job_id
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.settings import Configuration, Settings
from jobs_jupyter.service import follow
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import changes, runs
from jobs_jupyter.service.store.database import NO_CAPACITY
from jobs_jupyter.service.store.leases import Leases
from tests.service.log_texts import text_of


async def followed(home: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Follow a log whose run ends right after it was seen alive."""
    state = ServiceState(StatePaths(home), Configuration(Settings(), {}))
    commit = state.supervisor.change
    try:
        config = JobConfig(entrypoint="true", max_retries=0)
        new = changes.NewJob(
            new_job_id(), "n", "default", "local", "somebody", config, None, None, counts_as=10**6
        )  # so many CPUs that it is not started by itself
        await commit(changes.add_job, new)
        launch = await commit(runs.begin_run, new.id, "boot", Leases(NO_CAPACITY, ()))
        assert launch is not None
        path = home / "log"
        path.write_text("first\n")
        text = text_of(path, state.vault, ended=False)
        alive = follow._in

        async def alive_until_now(state: ServiceState, run: str, states: tuple[str, ...]) -> bool:
            answer = await alive(state, run, states)
            if answer:
                path.write_text("first\nlast\n")
                await commit(runs.end_run, run, Outcome("exit", 0))
            return answer

        monkeypatch.setattr(follow, "_in", alive_until_now)
        async with asyncio.timeout(10):
            return b"".join([piece async for piece in follow.log(state, launch.run, text, 0, None)])
    finally:
        await state.supervisor.close()
        state.database.close()


def test_a_run_that_ends_between_two_looks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    assert asyncio.run(followed(home, monkeypatch)) == b"first\nlast\n"
