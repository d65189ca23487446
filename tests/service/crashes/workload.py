"""Jobs of all kinds, submitted and handled by several clients at once, with what has to become of each."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from jobs_jupyter import job, job_queue
from jobs_jupyter.client import streams
from jobs_jupyter.client.http import client
from jobs_jupyter.client.sse import SSEDecoder
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueExecutionMode, JobQueueSpec
from jobs_jupyter.models.errors import JobStateError

T = TypeVar("T")
CLIENTS = 6
LINES = 300
PATIENCE_S = 90.0
NO_QUEUE_DIRECTORY = 99
SCRIPT = """
mark() {{ echo "$1 $JOBS_JUPYTER_JOB_ID $JOBS_JUPYTER_RUN_NAME $JOBS_JUPYTER_RUN_ATTEMPT" >> {marks}; }}
mark begin
if [ -n "$JOBS_JUPYTER_QUEUE_DIR" ]; then echo x > "$JOBS_JUPYTER_QUEUE_DIR/$$" || exit {bad}; fi
place=.
if [ -n "$HAS_MODULE" ]; then place="${{PYTHONPATH%%:*}}/brought"; fi
if [ -e "$place/content" ]; then cat "$place/content"; fi
seq -f "{name} $JOBS_JUPYTER_RUN_ATTEMPT %.0f" 1 {lines}
{body}
if [ -n "$JOBS_JUPYTER_QUEUE_DIR" ] && [ ! -e "$JOBS_JUPYTER_QUEUE_DIR/$$" ]; then exit {bad}; fi
mark end
exit {code}
"""


@dataclass
class Queue:
    """A queue that jobs share."""

    name: str
    mode: JobQueueExecutionMode
    max_concurrency: int
    idle_timeout_s: int

    def config(self, priority: int | None) -> JobQueueConfig:
        """Return what a job says to join it."""
        spec = JobQueueSpec(
            name=self.name,
            execution_mode=self.mode,
            max_concurrency=self.max_concurrency,
            idle_timeout_s=self.idle_timeout_s,
            auto_termination_threshold_job_count=7 if self.idle_timeout_s else None,
        )
        return JobQueueConfig(job_queue_spec=spec, priority=priority)


QUEUES = (
    Queue("fifo", JobQueueExecutionMode.FIFO, 1, 0),
    Queue("lifo", JobQueueExecutionMode.LIFO, 2, 1),
    Queue("priority", JobQueueExecutionMode.PRIORITY, 3, 0),
)


@dataclass
class Task:
    """One job as its client knows it."""

    name: str
    kind: str
    codes: tuple[int, ...]  # the exit code of each run; the last one of all later ones
    sleeps: bool = False  # it never ends by itself
    timeout_s: int | None = None
    max_retries: int = 0
    content: str = ""  # of the file in its working directory
    queue: str | None = None
    id: str | None = None  # None: its submit was not acknowledged
    stop_asked: bool = False
    stop_acknowledged: bool = False
    deleted: bool = False
    archived: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    followed: dict[str, bytes] = field(default_factory=dict)  # the log of a run, as a follower saw it

    def code(self, attempt: int) -> int:
        """Return the exit code of a run that nobody stops."""
        return self.codes[min(attempt, len(self.codes)) - 1]

    def log(self, attempt: int) -> bytes:
        """Return all that a run writes."""
        lines = "".join(f"{self.name} {attempt} {number}\n" for number in range(1, LINES + 1))
        return (self.content + lines).encode()


class Workload:
    """Submits until it is told to stop.

    Args:
        folder: a directory outside the state directory, for the jobs' marks and working directories.
        chance: decides what is submitted.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.marks = folder / "marks"
        self.tasks: list[Task] = []
        self.problems: list[str] = []
        self.seen: list[tuple[int, dict[str, Any]]] = []  # by somebody who listens all the time
        self.deleted_queues: list[str] = []
        self._folder = folder
        self._chance = chance
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._submitting = threading.Event()
        self._listening = threading.Event()

    def begin(self) -> None:
        """Start the clients."""
        self._submitting.set()
        self._listening.set()
        seeds = [self._chance.randrange(2**32) for _ in range(CLIENTS)]
        self._in_thread(self._listen)
        for seed in seeds:
            self._in_thread(self._client, seed)

    def end(self) -> None:
        """Let the clients finish what they have begun."""
        self._submitting.clear()
        for thread in list(self._threads):
            if thread.name != "_listen":
                self._join(thread)

    def stop_listening(self) -> list[str]:
        """End the stream of events, once it has come to its end; says where it does not."""
        (last,) = [thread for thread in self._threads if thread.name == "_listen"]
        self._listening.clear()
        self._join(last)
        return self.problems

    def _join(self, thread: threading.Thread) -> None:
        thread.join(PATIENCE_S + 30)
        if thread.is_alive():
            self.problems.append(f"the client {thread.name} hangs")

    def _in_thread(self, work: Callable[..., None], *arguments: Any) -> None:
        def guarded() -> None:
            try:
                work(*arguments)
            except Exception as problem:  # noqa: BLE001 - all of it is to be told
                self.problems.append(f"{work.__name__}: {type(problem).__name__}: {problem}")

        thread = threading.Thread(target=guarded, name=work.__name__, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        after, more = 0, True
        while more:
            more = self._listening.is_set()  # once more after the last change
            try:
                for seq, event in events(after, 1.0):
                    if seq <= after:
                        self.problems.append(f"event {seq} came after {after}")
                    after = seq
                    self.seen.append((seq, event))
            except streams._BROKEN:
                client.reconnect()
                more = True

    def _client(self, seed: int) -> None:
        chance = random.Random(seed)
        while self._submitting.is_set():
            task = self._new(chance)
            with contextlib.suppress(ConnectionError):  # whether the job exists is open
                task.id = job.submit(self._config(task, chance))
            try:
                if task.id is not None:
                    self._handle(task, chance)
                elif task.kind in SLEEPERS:
                    self._stop_unknown(task)
            except Exception as problem:  # noqa: BLE001 - all of it is to be told
                self.problems.append(
                    f"{task.kind} {task.name} {task.id}: {type(problem).__name__}: {problem}"
                )

    def _new(self, chance: random.Random) -> Task:
        kind = chance.choice(KINDS)
        with self._lock:
            task = Task(f"crash-{len(self.tasks)}", kind, (0,))
            self.tasks.append(task)
        if kind == "fails":
            task.codes = (chance.randint(1, 90),)
        elif kind == "flaky":
            task.codes, task.max_retries = (chance.randint(1, 90), 0), 1
        elif kind == "hopeless":
            task.codes, task.max_retries = (3,), 1
        elif kind == "timeout":
            task.sleeps, task.timeout_s = True, 1
        elif kind in SLEEPERS:
            task.sleeps = True
        elif kind.startswith("packaged"):
            task.content = f"content {chance.choice((1, 2, task.name))}\n"
        if kind in ("queue-deleted", "queue-terminated"):
            task.queue = f"own-{task.name}"
        elif kind == "queue-changed" or chance.random() < 0.5:
            task.queue = chance.choice(QUEUES).name
        return task

    def _config(self, task: Task, chance: random.Random) -> JobConfig:
        body = "sleep 600" if task.sleeps else f"sleep {chance.choice((0, 0, 0, 0.1, 0.3))}"
        code = f"$([ $JOBS_JUPYTER_RUN_ATTEMPT = 1 ] && echo {task.code(1)} || echo {task.code(2)})"
        fields: dict[str, Any] = {
            "name": task.name,
            "max_retries": task.max_retries,
            "entrypoint": SCRIPT.format(
                marks=self.marks, name=task.name, lines=LINES, body=body, code=code, bad=NO_QUEUE_DIRECTORY
            ),
        }
        if task.timeout_s:
            fields["timeout_s"] = task.timeout_s
        if task.content:
            place = self._folder / f"work-{task.name}" / "brought"
            place.mkdir(parents=True)
            (place / "content").write_text(task.content)
            fields["working_dir"] = str(place)
            if chance.random() < 0.5:
                fields |= {"py_modules": [str(place)], "env_vars": {"HAS_MODULE": "yes"}}
        if task.queue:
            shared = {queue.name: queue for queue in QUEUES}
            queue = shared.get(task.queue) or Queue(task.queue, JobQueueExecutionMode.FIFO, 1, 1)
            fields["job_queue_config"] = queue.config(chance.choice((None, 0, 5)))
        return JobConfig(**fields)

    def _handle(self, task: Task, chance: random.Random) -> None:
        """Do with a submitted job what its kind says."""
        assert task.id is not None
        job_id = task.id
        if task.kind == "stopped-early":
            self._terminate(task, chance.choice((0, 0, 0.05)))
        elif task.kind == "stopped":
            waited_for(job_id, "RUNNING")
            self._terminate(task, chance.choice((0, 0, 0.1)))
        elif task.kind == "tagged":
            task.tags = {"a": task.name}
            insisted(lambda: job.add_tags(job_id=job_id, tags={**task.tags, "b": "gone"}))
            insisted(lambda: job.remove_tags(job_id=job_id, keys=["b"]))
        elif task.kind == "followed":
            self._follow(task)
        elif task.kind == "queue-terminated":
            task.stop_asked = True
            insisted(lambda: job_queue.terminate(name=task.queue))
            task.stop_acknowledged = True
        elif task.kind == "queue-changed":
            most = next(queue.max_concurrency for queue in QUEUES if queue.name == task.queue)
            insisted(lambda: job_queue.update(name=task.queue, max_concurrency=most))
        if task.kind in WAITED_FOR or chance.random() < 0.3:
            waited_for(job_id, "SUCCEEDED")
        if task.kind.endswith("deleted") and task.kind != "queue-deleted":
            insisted(lambda: job.delete(id=job_id), gone_is_done=True)
            task.deleted = True
        elif task.kind == "archived":
            insisted(lambda: job.archive(id=job_id))
            task.archived = True
        elif task.kind == "queue-deleted":
            insisted(lambda: job_queue.delete(name=task.queue), gone_is_done=True)
            self.deleted_queues.append(str(task.queue))

    def _stop_unknown(self, task: Task) -> None:
        """Terminate what would never end, if it exists."""
        for status in insisted(lambda: list(job.list(name=task.name))) or ():
            task.id = status.id
            self._terminate(task, 0)

    def _terminate(self, task: Task, after_s: float) -> None:
        time.sleep(after_s)  # any moment will do
        task.stop_asked = True
        insisted(lambda: job.terminate(id=task.id))
        task.stop_acknowledged = True

    def _follow(self, task: Task) -> None:
        assert task.id is not None
        waited_for(task.id, "RUNNING")
        status = insisted(lambda: job.status(id=task.id))
        assert status is not None
        run = status.runs[0].name
        task.followed[run] = b"".join(streams.log(task.id, run, time.monotonic() + PATIENCE_S))


KINDS = (
    *("plain",) * 5,
    *("fails",) * 3,
    *("packaged",) * 3,
    *("deleted",) * 3,
    *("packaged-deleted",) * 3,
    "flaky",
    "flaky",
    "hopeless",
    "timeout",
    "stopped",
    "stopped",
    "stopped-early",
    "stopped-early",
    "tagged",
    "followed",
    "archived",
    "archived",
    "queue-deleted",
    "queue-terminated",
    "queue-changed",
    "queue-changed",
)
SLEEPERS = ("stopped", "stopped-early", "queue-terminated")
WAITED_FOR = ("deleted", "packaged-deleted", "archived", "queue-deleted", "flaky")


def insisted(action: Callable[[], T], *, gone_is_done: bool = False) -> T | None:
    """Do what may be done twice until it is acknowledged."""
    deadline = time.monotonic() + PATIENCE_S
    tried_before = False
    while True:
        try:
            return action()
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            tried_before = True
            time.sleep(0.05)
        except LookupError:
            if gone_is_done and tried_before:
                return None
            raise


def waited_for(job_id: str, state: str) -> None:
    """Wait until a job is in that state, or has ended in another."""

    def wait() -> None:
        with contextlib.suppress(JobStateError):
            job.wait(id=job_id, state=state, timeout_s=PATIENCE_S)

    insisted(wait)


def events(after: int, wait_s: float) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the feed's events that follow a number, as (number, data), for so many seconds."""
    decoder = SSEDecoder()
    query = {"after": after, "wait_s": wait_s}
    with client.stream("/v1/events", query=query, timeout=PATIENCE_S) as answer:
        for chunk in answer.iter_raw():
            for event in decoder.feed(chunk):
                yield int(event.id), event.json()
