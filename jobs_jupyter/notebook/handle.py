"""The `Job` handle: one job, in Python and, displayed, as a live panel."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

from jobs_jupyter import job as sdk
from jobs_jupyter.client.feed import kernel_feed
from jobs_jupyter.client.http import client
from jobs_jupyter.job.setup_log import get_setup_log
from jobs_jupyter.models.errors import JobNotFoundError
from jobs_jupyter.models.event import JobView
from jobs_jupyter.models.job import TERMINAL, JobRunStatus, JobState, JobStatus
from jobs_jupyter.packaging.variables import load_outputs

FOREVER_S = 10 * 365 * 86400.0


class Job:
    """A submitted job. `jobs_jupyter.get(NAME)` finds one; `%%job` returns one.

    It is also a future: `done()`, `result()`, `add_done_callback()`, and it can be awaited.
    """

    def __init__(self, id: str, name: str) -> None:  # noqa: A002 - the SDK's word
        self.id = id
        self.name = name

    def __repr__(self) -> str:
        """Stable: it does not change as the job goes on."""
        return f"<Job {self.name} {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def _ipython_display_(self) -> None:
        self.show()

    def show(self) -> None:
        """Display the job's panel."""
        from jobs_jupyter.notebook.panel import display_panel

        display_panel(JobView.from_dict(client.json("GET", f"/v1/jobs/{self.id}/view")))

    def status(self) -> JobStatus:
        """Return the job's status now."""
        return sdk.status(id=self.id)

    @property
    def state(self) -> JobState:
        """The job's state now."""
        return JobState(self.status().state)

    @property
    def runs(self) -> list[JobRunStatus]:
        """The job's runs, the oldest first."""
        return list(self.status().runs)

    def usage(self, run: str | None = None) -> dict[str, Any]:
        """Return what the last run has used, or the named one; `runs` has its CPU time and peak of memory.

        Returns:
            `{"interval_s": seconds, "samples": [[seconds since its start, seconds of CPU time so far,
            bytes of memory], …]}`, all its processes together.

        Raises:
            ValueError: the job has no run of that name, or none yet.
        """
        names = [known.name for known in self.runs]
        if not names or run not in (None, *names):
            has = f"its runs: {', '.join(names)}" if names else "it has not begun yet"
            raise ValueError(f"The job {self.name!r} has no run {run or ''}".rstrip() + f"; {has}.")
        found: dict[str, Any] = client.json("GET", f"/v1/jobs/{self.id}/runs/{run or names[-1]}/usage")
        return found

    @property
    def tags(self) -> dict[str, str]:
        """The job's tags now."""
        return sdk.list_tags(job_id=self.id)

    def logs(
        self,
        max_lines: int | None = None,
        *,
        run: str | None = None,
        mode: str = "TAIL",
        setup: bool = False,
    ) -> str:
        """Return the log of the last run, or of the named one; see `jobs_jupyter.job.get_logs`.

        With `setup`, return its setup log: what building its environment or image printed.
        """
        if setup:
            return get_setup_log(self.id, run, mode=mode, max_lines=max_lines)
        return sdk.get_logs(id=self.id, run=run, mode=mode, max_lines=max_lines)

    def wait(
        self, timeout_s: float = FOREVER_S, *, state: JobState | str = "SUCCEEDED", follow: bool = False
    ) -> None:
        """Wait until the job has been in a state; see `jobs_jupyter.job.wait`."""
        sdk.wait(id=self.id, state=state, timeout_s=timeout_s, follow=follow)

    def result(self, timeout: float | None = None) -> SimpleNamespace:
        """Wait for success and return the variables that came back, as a namespace.

        Args:
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            JobStateError: the job failed or was stopped.
            TimeoutError: it has not ended yet.
        """
        self.wait(FOREVER_S if timeout is None else timeout)
        return SimpleNamespace(**load_outputs(self._output))

    def _output(self, name: str) -> bytes | None:
        """Return one of the last run's output files; None where there is none of that name."""
        try:
            return client.request("GET", f"/v1/jobs/{self.id}/outputs/{name}", timeout=600.0).content
        except JobNotFoundError:
            return None

    def done(self) -> bool:
        """Whether the job has ended, however it did."""
        return self.state in TERMINAL

    def running(self) -> bool:
        """Whether the job runs now."""
        return self.state == JobState.RUNNING

    def cancelled(self) -> bool:
        """Whether the job was stopped."""
        return self.state == JobState.TERMINATED

    def add_done_callback(self, call: Callable[[Job], Any]) -> None:
        """Call with this handle, on a background thread, once the job has ended."""
        self._ended().add_done_callback(lambda _: call(self))

    def __await__(self) -> Generator[Any, None, SimpleNamespace]:
        """Wait for `result()` without holding up the event loop."""
        yield from asyncio.wrap_future(self._ended()).__await__()
        return (yield from asyncio.to_thread(self.result).__await__())

    def _ended(self) -> concurrent.futures.Future[None]:
        """Return a future that is done when the job is."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()

        def seen(view: dict[str, Any]) -> None:
            if view["state"] in TERMINAL and not future.done():
                future.set_result(None)

        cancel = kernel_feed().watch(self.id, seen)
        future.add_done_callback(lambda _: cancel())
        return future

    def stop(self) -> None:
        """Ask for the job's end."""
        sdk.terminate(id=self.id)

    def archive(self) -> None:
        """Hide the ended job from lists."""
        sdk.archive(id=self.id)

    def delete(self) -> None:
        """Delete the ended job for good."""
        sdk.delete(id=self.id)


def get(name: str) -> Job:
    """Return the handle of the job of that name (the newest), or of that id, from any kernel.

    Raises:
        JobNotFoundError: there is none; the message has the nearest names.
    """
    is_id = name.startswith("prodjob_") and len(name) == len("prodjob_") + 26
    found = sdk.status(id=name) if is_id else sdk.status(name=name)
    return Job(found.id, found.name)
