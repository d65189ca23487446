"""What moves jobs on, where something fails between two of its steps."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.queue import JobQueueConfig, JobQueueSpec
from jobs_jupyter.models.settings import Configuration, Settings
from jobs_jupyter.service import environment
from jobs_jupyter.service.api import Api
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.store import admission, changes, job_queues, queries, queue_pages
from jobs_jupyter.service.store.admission import Admission
from jobs_jupyter.service.store.queue_pages import QueueListing
from tests.jobs import WITHIN_S, eventually

LINE = JobQueueConfig(job_queue_spec=JobQueueSpec(name="line", idle_timeout_s=60))


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[ServiceState]:
    """A service's state without its program, so that one of its parts can be made to fail."""
    await asyncio.to_thread(home.mkdir)
    state = ServiceState(StatePaths(home), Configuration(Settings(), {}))
    try:
        await state.supervisor.recover()
        yield state
    finally:
        await state.supervisor.close()
        state.database.close()


async def accept(state: ServiceState, entrypoint: str, name: str, **more: Any) -> str:
    """Have a job accepted, and return its id."""
    config = JobConfig(entrypoint=entrypoint, max_retries=0, **more)
    new = changes.NewJob(f"prodjob_{name}", name, "default", "local", "me", config, None, None)
    return str(json.loads(await state.supervisor.accept(new, dict(os.environ)))["id"])


async def status(state: ServiceState, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await state.database.read(queries.by_id, job_id))
    return found


async def reached(state: ServiceState, job_id: str, *states: str) -> dict[str, Any]:
    """Wait until the job is in one of these states, and return its status."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            changed = state.feed.next_change()
            if (found := await status(state, job_id))["state"] in states:
                return found
            await changed.wait()


# --- a decision that fails ------------------------------------------------------------------------------


def test_a_decision_that_failed_is_made_again_after_a_pause(
    service: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(admission, "DECIDE_AGAIN_S", 0.2)
    looks: list[int] = []
    look: Any = Admission._look

    def fails_twice(self: Admission, connection: Connection, notes: Any) -> None:
        looks.append(len(looks))
        if len(looks) in (2, 3):  # the first is the recovery's
            raise RuntimeError("a mistake in the decision")
        look(self, connection, notes)

    async def submitted() -> None:
        async with opened(service) as state:
            monkeypatch.setattr(Admission, "_look", fails_twice)
            looks.append(0)
            job_id = await accept(state, "true", "once")
            assert (await status(state, job_id))["runs"] == []
            assert (await reached(state, job_id, "SUCCEEDED", "FAILED"))["state"] == "SUCCEEDED"

    asyncio.run(submitted())
    assert caplog.text.count("what may start could not be decided") == 2


# --- a queue that is terminated -------------------------------------------------------------------------


def test_terminating_a_queue_passes_over_a_job_that_is_deleted_meanwhile(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def terminated() -> None:
        async with opened(service) as state:
            running = await accept(state, "sleep 600", "running", job_queue_config=LINE)
            deleted, waiting = [
                await accept(state, "true", name, job_queue_config=LINE) for name in ("deleted", "waiting")
            ]
            await reached(state, running, "RUNNING")
            queue_id = (await state.database.read(queue_pages.page, QueueListing()))[0][0]["id"]
            read = state.database.read

            async def read_then_delete(query: Any, *args: Any) -> Any:
                found = await read(query, *args)
                if query is job_queues.active:
                    assert set(found) == {running, deleted, waiting}
                    await state.supervisor.terminate(deleted)
                    await state.supervisor.delete(deleted)
                return found

            monkeypatch.setattr(state.database, "read", read_then_delete)
            await state.supervisor.terminate_queue(queue_id)
            assert (await status(state, waiting))["state"] == "TERMINATED"
            await reached(state, running, "TERMINATED")

    asyncio.run(terminated())


# --- an environment that can't be kept ------------------------------------------------------------------


def disk_is_full(monkeypatch: pytest.MonkeyPatch, until: Callable[[], bool] = lambda: True) -> None:
    """Let the wait for the environment's file end, once that is true, with the disk's being full."""

    def fails(descriptor: int) -> None:
        os.close(descriptor)
        eventually(until)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(environment, "make_durable", fails)


@pytest.mark.parametrize("how", ["at once", "while it runs", "while it waits"])
def test_whoever_is_told_of_an_error_has_no_job_that_goes_on(
    how: str, service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    queued = {"job_queue_config": LINE} if how == "while it waits" else {}

    async def refused() -> None:
        async with opened(service) as state:
            if queued:
                await reached(state, await accept(state, "sleep 600", "first", **queued), "RUNNING")
            disk_is_full(monkeypatch, began.exists if how == "while it runs" else lambda: True)
            with pytest.raises(OSError, match="No space left"):
                await accept(state, f"touch {began}; sleep 600", "told", **queued)
            found = await reached(state, "prodjob_told", "TERMINATED")
            assert len(found["runs"]) == (0 if queued else 1)
            kept = state.paths.job("prodjob_told").environment
            await asyncio.to_thread(eventually, lambda: not kept.exists())
            if queued:
                await state.supervisor.terminate("prodjob_first")
                await reached(state, "prodjob_first", "TERMINATED")

    asyncio.run(refused())


def test_a_job_that_is_not_stored_leaves_no_file(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused() -> None:
        async with opened(service) as state:
            missing = JobQueueConfig(target_job_queue_name="missing")
            with pytest.raises(LookupError, match="no job queue 'missing'"):
                await accept(state, "true", "refused", job_queue_config=missing)
            disk_is_full(monkeypatch)
            with pytest.raises(LookupError, match="no job queue 'missing'"):
                await accept(state, "true", "refused", job_queue_config=missing)

    asyncio.run(refused())
    assert list(service.glob("jobs/*")) == []


def test_the_submitter_is_told_that_the_disk_is_full(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def told() -> None:
        async with opened(service) as state:
            disk_is_full(monkeypatch)
            transport = httpx.ASGITransport(Api(state).app(), raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
                body = {"config": {"entrypoint": "sleep 600"}, "idempotency_key": "key"}
                answer = await http.post("/v1/jobs", json=body)
                assert answer.status_code == 507
                assert "No space left on device. Free space" in answer.json()["error"]["message"]
                again = await http.post("/v1/jobs", json=body)  # its end is what there is to tell
                assert again.status_code == 201
                await reached(state, again.json()["id"], "TERMINATED")

    asyncio.run(told())
    assert len(list(service.glob("jobs/*"))) == 1
