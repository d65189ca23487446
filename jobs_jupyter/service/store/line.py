"""Queues in the database: making them, joining them, and where each job stands in its line."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, or_, select, tuple_, update

from jobs_jupyter.models.errors import InvalidRequestError, JobQueueNotFoundError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.names import new_queue_id
from jobs_jupyter.models.queue import JobQueueSpec
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.scheduler import Queue
from jobs_jupyter.service.store import compute, noted
from jobs_jupyter.service.store.prepared import Prepared, Row
from jobs_jupyter.service.store.schema import IN_LINE, jobs, queues

ALIVE = ("STARTING", "RUNNING")
IDLE = and_(queues.c.cluster_started_at.is_not(None), queues.c.idle_since.is_not(None))
_IDLE_FOR = case((queues.c.ending, 0), else_=queues.c.idle_timeout_s)
IDLE_UNTIL = queues.c.idle_since + _IDLE_FOR * SECOND
SETTINGS = ("execution_mode", "max_concurrency", "idle_timeout_s", "auto_termination_threshold_job_count")


_LABELS = "queue labels"

_QUEUE = Prepared(select(queues).where(queues.c.id == bindparam("queue")))
_OF_PROJECT = select(queues).where(queues.c.project == bindparam("project"))
_BY_NAME = Prepared(_OF_PROJECT.where(queues.c.name == bindparam("name")))
_BY_DIGEST = Prepared(_OF_PROJECT.where(queues.c.name.is_(None), queues.c.digest == bindparam("digest")))
_SET_QUEUE = Prepared(update(queues).where(queues.c.id == bindparam("queue")))
_OF_QUEUE = select(func.count()).select_from(jobs).where(jobs.c.queue_id == bindparam("queue"))
# two look-ups in the index instead of one walk past all that wait
_TAKEN = Prepared(
    select(
        _OF_QUEUE.where(jobs.c.state == "RUNNING").scalar_subquery()
        + _OF_QUEUE.where(jobs.c.state == "STARTING", jobs.c.due_at.is_(None)).scalar_subquery()
    )
)
_TURN = tuple_(jobs.c.rank, jobs.c.turn, jobs.c.id)
_AHEAD = Prepared(
    select(func.count()).where(
        jobs.c.queue_id == bindparam("queue"),
        IN_LINE,
        tuple_(bindparam("rank"), bindparam("turn"), bindparam("job")) > _TURN,
    )
)
_ACTIVE = Prepared(
    select(jobs.c.id)
    .where(jobs.c.queue_id == bindparam("queue"), or_(*(jobs.c.state == state for state in ALIVE)))
    .limit(1)
)


def join(connection: Connection, config: JobConfig, project: str, creator_id: str, now: int) -> Row | None:
    """Return the queue that the config asks for, made where its spec is new; None: no queue.

    Raises:
        JobQueueNotFoundError: no such queue.
        InvalidRequestError: one that takes no jobs, or a spec that differs from it.
    """
    found = look_up(connection, config, project)
    wanted = config.job_queue_config
    if found is None and wanted is not None and wanted.job_queue_spec is not None:
        return require(connection, _make(connection, wanted.job_queue_spec, project, creator_id, now))
    return found


def look_up(connection: Connection, config: JobConfig, project: str) -> Row | None:
    """Return the queue that the config asks for; None: no queue, or one that its spec has yet to make.

    Raises:
        JobQueueNotFoundError: no such queue.
        ComputeConfigNotFoundError: the spec's compute config is not there.
        InvalidRequestError: one that takes no jobs, or a spec that differs from it.
    """
    wanted = config.job_queue_config
    if wanted is None:
        return None
    spec = wanted.job_queue_spec
    if spec is not None:
        found = _by_spec(connection, spec, project)
        if found is not None:
            _check_same(connection, found, spec)
    elif wanted.target_job_queue_name is not None:
        found = target(connection, wanted.target_job_queue_name, project)
    elif wanted.priority is not None:
        raise InvalidRequestError(
            f"priority={wanted.priority} is a place in a queue, and the job names none. "
            "Name the queue that it is to wait in."
        )
    else:
        return None
    if found is not None and found.state != "ACTIVE":
        raise InvalidRequestError(
            f"The queue {found.name or found.id!r} is archived and takes no more jobs. Use another one."
        )
    return found


def _by_spec(connection: Connection, spec: JobQueueSpec, project: str) -> Row | None:
    if spec.name is not None:
        return _BY_NAME.first(connection, {"project": project, "name": spec.name})
    return _BY_DIGEST.first(connection, {"project": project, "digest": _digest(connection, spec)})


def _digest(connection: Connection, spec: JobQueueSpec) -> str:
    """Return what identifies a spec without a name: its content, with the version of its compute config."""
    content = spec.to_wire()
    if spec.compute_config is not None:
        content["compute_config"] = compute.full_name(connection, spec.compute_config)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def target(connection: Connection, name: str | None, project: str) -> Row:
    """Return the queue of that name within a project, or say which there are."""
    query = select(queues).where(queues.c.project == project)
    rows = {row.name: row for row in connection.execute(query.where(queues.c.name.is_not(None)))}
    if name in rows:
        return rows[name]
    there = ", ".join(sorted(rows)) or "none"
    near = nearest(name or "", filter(None, rows))
    hint = f" Did you mean {near!r}?" if near else ""
    raise JobQueueNotFoundError(
        f"There is no job queue {name!r} in the project {project!r}; its queues: {there}.{hint} "
        "The first job that describes a queue makes it."
    )


def _make(connection: Connection, spec: JobQueueSpec, project: str, creator_id: str, now: int) -> str:
    queue_id = new_queue_id()
    row = {
        "id": queue_id,
        "name": spec.name,
        "project": project,
        "digest": _digest(connection, spec),
        "spec": json.dumps(spec.to_wire(exclude_unset=True)),
        "execution_mode": spec.execution_mode.value,
        "max_concurrency": spec.max_concurrency,
        "idle_timeout_s": spec.idle_timeout_s,
        "auto_termination_threshold_job_count": spec.auto_termination_threshold_job_count,
        "state": "ACTIVE",
        "creator_id": creator_id,
        "created_at": now,
        "cluster_jobs": 0,
        "clusters": 0,
    }
    connection.execute(insert(queues), row)
    return queue_id


def _check_same(connection: Connection, queue: Row, spec: JobQueueSpec) -> None:
    """Refuse a spec that gives a setting another value than the queue has and was made with."""
    given = spec.to_wire(exclude_unset=True)
    given.pop("name", None)
    if spec.compute_config is not None:
        given["compute_config"] = compute.full_name(connection, spec.compute_config, queue.created_at)
    made = {**_spec(queue.spec), "compute_config": compute_config_of(connection, queue)}
    if all(value == made.get(name) for name, value in given.items()):
        return  # the program that made the queue, which may have been updated since
    now = {**made, **settings_of(queue)}
    different = [name for name in given if given[name] != now.get(name)]
    if different:
        here = ", ".join(f"{name}={now.get(name)!r}" for name in different)
        there = ", ".join(f"{name}={given[name]!r}" for name in different)
        raise InvalidRequestError(
            f"The queue {queue.name or queue.id!r} has {here}; this job's spec has {there}. "
            "Leave that out to join it as it is, or name another queue."
        )


@lru_cache(256)
def _spec(text: str) -> dict[str, Any]:
    return JobQueueSpec.from_dict(json.loads(text)).to_wire()


def compute_config_of(connection: Connection, queue: Row) -> str | None:
    """Return a queue's compute config by name and version; where its spec gave none, the latest of then."""
    wanted = json.loads(queue.spec).get("compute_config")
    return compute.full_name(connection, wanted, queue.created_at) if wanted is not None else None


def settings_of(queue: Row) -> dict[str, Any]:
    """Return the settings of a queue that have a value, as they are now."""
    values = {name: getattr(queue, name) for name in SETTINGS}
    return {name: value for name, value in values.items() if value is not None}


# --- where a job stands ----------------------------------------------------------------------------


def touch(connection: Connection, queue_id: str | None) -> None:
    """Say that more may be able to start in this line (None: of the jobs without a queue)."""
    noted.of(connection).touched.add(queue_id)


def due(connection: Connection, _: int = 0) -> None:
    """Say that the time has come for something; what, is looked up where it is decided what starts."""
    noted.of(connection).timed = True


def as_seen(connection: Connection, queue: Row) -> Queue:
    """Return a queue as the scheduler sees it."""
    taken = _TAKEN.scalar(connection, {"queue": queue.id})
    return Queue(queue.max_concurrency, taken, _left(queue, taken))


def _left(queue: Row, taken: int) -> int | None:
    """Return how many jobs may still begin in the queue's cluster, or in its next one if nobody is in it."""
    most: int | None = queue.auto_termination_threshold_job_count
    if most is None:
        return None
    left = most - queue.cluster_jobs if queue.cluster_started_at is not None else most
    return left if left > 0 else 0 if taken else most


def is_spent(queue: Row) -> bool:
    """Whether the queue's cluster has run all the jobs that it may."""
    most = queue.auto_termination_threshold_job_count
    return most is not None and queue.cluster_started_at is not None and queue.cluster_jobs >= most


def position(connection: Connection, job: Row) -> str | None:
    """Say where a job that waits for its first run stands in its queue's line: `queued: 3rd in gpu`.

    None where it has no queue, or is first in a line that has a place for it.
    """
    if job.queue_id is None:
        return None
    queue = require(connection, job.queue_id)
    values = {"queue": job.queue_id, "rank": job.rank, "turn": job.turn, "job": job.id}
    ahead = _AHEAD.scalar(connection, values)
    if not ahead and as_seen(connection, queue).places:
        return None
    return f"queued: {_ordinal(ahead + 1)} in {queue.name or queue.id}"


def label(connection: Connection, queue_id: str | None) -> str | None:
    """Return what a queue is called: its name, or its id where it has none. Neither ever changes."""
    if queue_id is None:
        return None
    known: dict[str, str] = connection.info.setdefault(_LABELS, {})
    if queue_id not in known:
        known[queue_id] = str(require(connection, queue_id).name or queue_id)
    return known[queue_id]


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# --- a queue's cluster ------------------------------------------------------------------------------


def enter(connection: Connection, queue_id: str, now: int) -> int:
    """A job begins in the queue: its cluster is up, fresh where the last one is spent. Returns its number."""
    queue = require(connection, queue_id)
    fresh = queue.cluster_started_at is None or is_spent(queue)
    values = {"cluster_jobs": (0 if fresh else queue.cluster_jobs) + 1, "idle_since": None}
    if fresh:
        values |= {"cluster_started_at": now, "clusters": queue.clusters + 1, "ending": None}
    set_queue(connection, queue_id, **values)
    return int(queue.clusters + fresh)


def arrive(connection: Connection, queue: Row) -> None:
    """A job waits in the queue from now on: its cluster is not idle."""
    touch(connection, queue.id)
    if queue.idle_since is not None:
        set_queue(connection, queue.id, idle_since=None)
        due(connection)


def leave(connection: Connection, queue_id: str | None, now: int) -> None:
    """A job of the queue has ended; with the last one its idle time begins."""
    touch(connection, queue_id)
    if queue_id is None:
        return
    if _ACTIVE.first(connection, {"queue": queue_id}) is None:
        set_queue(connection, queue_id, idle_since=now)
        noted.of(connection).timed = True


def end(connection: Connection, queue_id: str, _: int = 0) -> None:
    """Say that a queue's cluster stops as soon as it is without a job."""
    set_queue(connection, queue_id, ending=True)
    due(connection)


def idle_clusters(connection: Connection, now: int) -> list[str]:
    """Return the queues whose cluster has been without a job for long enough."""
    return list(connection.execute(select(queues.c.id).where(IDLE, now >= IDLE_UNTIL)).scalars())


def stop_cluster(connection: Connection, queue_id: str, now: int) -> int | None:
    """Mark a queue's cluster as down, and return its number; None where a job has come meanwhile."""
    idle = and_(queues.c.id == queue_id, IDLE, now >= IDLE_UNTIL)
    stop = update(queues).where(idle).values(cluster_started_at=None).returning(queues.c.clusters)
    stopped: int | None = connection.execute(stop).scalar()
    noted.forget(connection, queue_id)
    return stopped


def clusters(connection: Connection) -> dict[str, int]:
    """Return the number of each queue's cluster; where it is down, of its next one."""
    number = case((queues.c.cluster_started_at.is_(None), queues.c.clusters + 1), else_=queues.c.clusters)
    return dict(connection.execute(select(queues.c.id, number)).all())


# --- a queue's row -----------------------------------------------------------------------------------


def require(connection: Connection, queue_id: str) -> Row:
    """Return the queue's row."""
    row = row_of(connection, queue_id)
    if row is None:
        named = connection.execute(select(queues.c.id).where(queues.c.name == queue_id).limit(1)).first()
        hint = f" A queue has that name: pass name={queue_id!r} instead." if named else ""
        raise JobQueueNotFoundError(f"There is no job queue with the id {queue_id!r}.{hint}")
    return row


def row_of(connection: Connection, queue_id: str) -> Row | None:
    """Return the queue's row, None where there is none; read once in a transaction, until it changes."""
    kept = noted.of(connection).queues
    if kept is not None and queue_id in kept:
        return kept[queue_id]
    row = _QUEUE.first(connection, {"queue": queue_id})
    if kept is not None:
        kept[queue_id] = row
    return row


def set_queue(connection: Connection, queue_id: str, **values: Any) -> None:
    """Set columns of a queue."""
    _SET_QUEUE.run(connection, {"queue": queue_id, **values})
    noted.forget(connection, queue_id)
