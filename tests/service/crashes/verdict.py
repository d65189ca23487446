"""What must hold once nobody kills any more and every job has ended."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

from jobs_jupyter import job, job_queue
from jobs_jupyter.client.http import client
from jobs_jupyter.job.models import JobRunStatus, JobStatus
from jobs_jupyter.models.job import TERMINAL
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.packages import PackageFiles
from tests.service.crashes.workload import QUEUES, Task, Workload, events

Marks = dict[str, Counter[str]]
"""For each run, how often it began and ended, as its own process wrote down."""


class Verdict:
    """Compares what the service says with what the clients know.

    Args:
        home: the state directory; its service runs, and all its jobs have ended.
        workload: what was asked of it.
        lost: names of the runs whose shim was killed.
    """

    def __init__(self, home: Path, workload: Workload, lost: set[str]) -> None:
        self.jobs = {status.id: status for status in job.list(include_archived=True, page_size=100)}
        self._home = home
        self._paths = StatePaths(home)
        self._workload = workload
        self._lost = lost
        self._marks, self._order = _marks(workload.marks)

    @property
    def outcomes(self) -> Counter[str]:
        """How many jobs there are, by state; deleted ones too."""
        counted = Counter(str(status.state) for status in self.jobs.values())
        counted["deleted"] = sum(task.deleted for task in self._workload.tasks)
        return counted

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each thing that is wrong."""
        yield from self._existence()
        for task in self._workload.tasks:
            for status in self._of(task):
                yield from (f"{task.kind} {status.id}: {said}" for said in self._job(task, status))
        yield from self._runs_once()
        yield from self._queues()
        yield from self._files()
        yield from self._feed()

    def _of(self, task: Task) -> list[JobStatus]:
        return [status for status in self.jobs.values() if status.name == task.name]

    def _existence(self) -> Iterator[str]:
        names = Counter(status.name for status in self.jobs.values())
        for task in self._workload.tasks:
            if names[task.name] > 1:
                yield f"{task.name} exists {names[task.name]} times"
            if task.id is not None and (task.id in self.jobs) == task.deleted:
                yield f"{task.kind} {task.id} {'still exists' if task.deleted else 'is missing'}"

    def _job(self, task: Task, status: JobStatus) -> Iterator[str]:
        attempts = [run.attempt for run in status.runs]
        if attempts != list(range(1, len(attempts) + 1)) or len(attempts) > 1 + task.max_retries:
            yield f"its runs are {attempts}"
        for run in status.runs:
            for said in self._run(task, status, run):
                yield f"run {run.name} ({run.state}, {run.reason}): {said}"
        succeeded = [run.state == "SUCCEEDED" for run in status.runs]
        if True in succeeded[:-1]:
            yield f"it ran again after it had succeeded: {status.runs}"
        for said in self._state(task, status, bool(succeeded) and succeeded[-1]):
            yield said
        if task.tags and status.tags != task.tags:
            yield f"its tags are {status.tags}"
        if task.archived and status.archived_at is None:
            yield "it is not archived"

    def _state(self, task: Task, status: JobStatus, succeeded: bool) -> Iterator[str]:
        last = status.runs[-1] if status.runs else None
        lost = last is not None and last.name in self._lost
        if succeeded:
            expected = ["SUCCEEDED"]
        elif task.stop_acknowledged:
            expected = ["TERMINATED", "FAILED"] if lost else ["TERMINATED"]
        elif task.stop_asked:
            expected = ["TERMINATED", "FAILED"]
        else:
            expected = ["FAILED"]
        if status.state not in expected:
            yield f"it is {status.state} ({status.reason}), not {' or '.join(expected)}"
        if status.state == "FAILED" and len(status.runs) != 1 + task.max_retries:
            yield f"it failed after {len(status.runs)} of {1 + task.max_retries} runs"

    def _run(self, task: Task, status: JobStatus, run: JobRunStatus) -> Iterator[str]:
        assert run.attempt is not None
        written, whole = self._log(status.id, run.name), task.log(run.attempt)
        marks = self._marks.get(run.name, Counter())
        if _was_cut_short(task, run, self._lost):
            if not whole.startswith(written):
                yield f"its log has {len(written)} bytes that it never wrote"
        else:
            code = task.code(run.attempt)
            if task.sleeps or run.exit_code != code or run.state != ("FAILED" if code else "SUCCEEDED"):
                yield f"it should have ended with {'nothing' if task.sleeps else code}, not {run.exit_code}"
            if written != whole:
                yield f"its log has {len(written)} of {len(whole)} bytes"
            if (marks["begin"], marks["end"]) != (1, 1):
                yield f"it ran {marks['begin']} times, to its end {marks['end']} times"
            if run.started_at is None or run.ended_at is None or run.ended_at < run.started_at:
                yield f"it ran from {run.started_at} to {run.ended_at}"
        if (seen := task.followed.get(run.name, written)) != written:
            yield f"a follower saw {len(seen)} of {len(written)} bytes"

    def _log(self, job_id: str, run: str) -> bytes:
        return client.request("GET", f"/v1/jobs/{job_id}/runs/{run}/log").content

    def _runs_once(self) -> Iterator[str]:
        known = {run.name: status for status in self.jobs.values() for run in status.runs}
        gone = {task.id for task in self._workload.tasks if task.deleted}
        for run, counted in self._marks.items():
            if counted["begin"] > 1 or counted["end"] > 1:
                yield f"run {run} ran {counted['begin']} times"
        for _, job_id, run, attempt in self._order:
            if run not in known and job_id not in gone:
                yield f"run {run} of {job_id} ran and nobody knows of it"
            if run in known and (known[run].id, _attempt(known[run], run)) != (job_id, attempt):
                yield f"run {run} ran as attempt {attempt} of {job_id}"

    def _queues(self) -> Iterator[str]:
        there = {queue.name: queue for queue in job_queue.list(include_archived=True)}
        for gone in self._workload.deleted_queues:
            if gone in there:
                yield f"the queue {gone} still exists"
        for name, queue in there.items():
            mine = [s for s in self.jobs.values() if _queue_of(s) == name]
            states = Counter(str(status.state) for status in mine)
            failed = states["FAILED"] + states["TERMINATED"]
            counted = (queue.total_jobs, queue.active_jobs, queue.successful_jobs, queue.failed_jobs)
            if counted != (len(mine), 0, states["SUCCEEDED"], failed):
                yield f"the queue {name} counts {counted}, and there are {len(mine)}: {dict(states)}"
        for shared in QUEUES:
            most = self._most_at_once(shared.name)
            if most > shared.max_concurrency:
                yield f"of the queue {shared.name} {most} jobs ran at once"
        yield from self._in_order()

    def _most_at_once(self, queue: str) -> int:
        """Return how many runs were between their two marks at once; those without an end don't count."""
        mine = {run.name for s in self.jobs.values() if _queue_of(s) == queue for run in s.runs}
        here = most = 0
        for what, _, run, _ in self._order:
            if run in mine and self._marks[run]["end"]:
                here += 1 if what == "begin" else -1
                most = max(most, here)
        return most

    def _in_order(self) -> Iterator[str]:
        """A queue of one place that is first in, first out has started its jobs in their order."""
        mine = [
            (status.created_at, status.started_at, status.id)
            for status in self.jobs.values()
            if _queue_of(status) == "fifo" and status.created_at and status.started_at
        ]
        for (_, one_at, one), (_, other_at, other) in pairwise(sorted(mine)):
            if one_at > other_at:
                yield f"{other} started before {one}, which was submitted first"

    def _files(self) -> Iterator[str]:
        folders = set(map(str, (path.name for path in self._paths.jobs.iterdir())))
        for job_id in folders - set(self.jobs):
            yield f"there are files of {job_id}, which does not exist"
        for path in self._paths.jobs.glob("*/environment.json"):
            yield f"{path} is still there"
        for path in self._paths.queues.glob("*/*"):
            yield f"{path} is still there"
        with closing(sqlite3.connect(self._paths.database)) as database:
            (said,) = database.execute("PRAGMA integrity_check").fetchone()
            if said != "ok":
                yield f"the database is damaged: {said}"
            for (digest,) in database.execute("SELECT digest FROM packages"):
                if not self._paths.manifest(digest).exists():
                    yield f"the package {digest} has no manifest"
            needed = [blob.hex() for (blob,) in database.execute("SELECT blob FROM package_blobs")]
            packed = PackageFiles(self._paths).packed(needed)
            for blob in needed:
                if blob not in packed and not self._paths.blob(blob).exists():
                    yield f"the content {blob} is missing"

    def _feed(self) -> Iterator[str]:
        histories = _replay(), _replay()
        threads = [threading.Thread(target=history.fill) for history in histories]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one, other = (history.events for history in histories)
        if one != other or not one:
            yield f"two replays differ: {len(one)} and {len(other)} events"
        replayed = dict(one)
        yield from _ordered(one)
        for seq, event in self._workload.seen:
            if seq in replayed and replayed[seq] != event:
                yield f"event {seq} was {json.dumps(event)} and is {json.dumps(replayed[seq])}"
        last = {event["job"]["id"]: event["job"] for _, event in self._workload.seen}
        for _, event in one:
            shown = event["job"]
            if shown["id"] not in last:
                yield f"who listened all the time never saw {shown['id']}"
        for job_id, status in self.jobs.items():
            if last.get(job_id, {}).get("state") != status.state:
                yield f"who listened all the time last saw {last.get(job_id)}, and it is {status.state}"


class _replay:  # noqa: N801 - as a function it reads
    """All that the feed has, from its beginning."""

    def __init__(self) -> None:
        self.events: list[tuple[int, dict[str, Any]]] = []

    def fill(self) -> None:
        self.events = list(events(0, 1.0))


def _ordered(history: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """Numbers only grow, and no job comes back from its end."""
    numbers = [seq for seq, _ in history]
    if numbers != sorted(set(numbers)):
        yield "the feed's numbers don't grow"
    states: defaultdict[str, list[str]] = defaultdict(list)
    for _, event in history:
        states[event["job"]["id"]].append(event["job"]["state"])
    for job_id, seen in states.items():
        ended = [state in TERMINAL for state in seen]
        if ended != sorted(ended) or len({s for s in seen if s in TERMINAL}) > 1:
            yield f"{job_id} came back from its end: {seen}"
        started = [state != "STARTING" for state in seen]
        if started != sorted(started):
            yield f"{job_id} went back to its start: {seen}"


def _marks(place: Path) -> tuple[Marks, list[tuple[str, str, str, int]]]:
    lines = [line.split() for line in place.read_text().splitlines()] if place.exists() else []
    order = [(what, job_id, run, int(attempt)) for what, job_id, run, attempt in lines]
    counted: Marks = defaultdict(Counter)
    for what, _, run, _ in order:
        counted[run][what] += 1
    return counted, order


def _was_cut_short(task: Task, run: JobRunStatus, lost: set[str]) -> bool:
    """Whether the run did not end by itself, for a reason that there was."""
    said = run.reason or ""
    if said.startswith("lost: the process that watched over it was killed"):
        return run.name in lost
    if said == "stopped":
        return task.stop_asked
    return said.startswith("timed out after") and task.timeout_s is not None


def _attempt(status: JobStatus, run: str) -> int | None:
    return next(each.attempt for each in status.runs if each.name == run)


def _queue_of(status: JobStatus) -> str | None:
    wanted = status.config.job_queue_config
    return wanted.job_queue_spec.name if wanted and wanted.job_queue_spec else None
