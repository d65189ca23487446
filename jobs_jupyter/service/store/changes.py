"""Every change of a job: one function, one transaction, one event.

Each takes the connection of a transaction and the time now, in microseconds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from jobs_jupyter.models.errors import JobStateError
from jobs_jupyter.models.job import JobConfig, packages_of
from jobs_jupyter.models.tags import check_tags
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.scheduler import turn_of
from jobs_jupyter.service.store import asked, line, packages, remotes
from jobs_jupyter.service.store.entry import finish, publish, set_job, tell
from jobs_jupyter.service.store.prepared import Prepared, Row
from jobs_jupyter.service.store.records import TERMINAL, require, status, statuses
from jobs_jupyter.service.store.remotes import Remote
from jobs_jupyter.service.store.runs import launch
from jobs_jupyter.service.store.schema import RUN_ALIVE, events, jobs, runs, tags

_BY_KEY = Prepared(select(jobs).where(jobs.c.idempotency_key == bindparam("key")))
_LIVING = Prepared(select(runs).where(runs.c.job_id == bindparam("job"), RUN_ALIVE))
_ADD_JOB = Prepared(insert(jobs).returning(*jobs.c))
_ADD_TAG = insert(tags)


@dataclass(frozen=True)
class NewJob:
    """What a submit brings, beside what the store adds.

    `counts_as` are the CPUs that it counts as where it asks for nothing and waits in no queue; `remotes`
    is what its config names by remote URIs.
    """

    id: str
    name: str
    project: str
    cloud: str
    creator_id: str
    config: JobConfig
    interpreter: str | None
    idempotency_key: str | None
    counts_as: int = 1
    remotes: tuple[Remote, ...] = ()

    @property
    def max_runs(self) -> int:
        """How many runs the job may have; left out, max_retries means 1."""
        return 1 + (1 if self.config.max_retries is None else self.config.max_retries)


def add_job(connection: Connection, new: NewJob, now: int) -> tuple[str, str]:
    """Store a submitted job, unless one came before under the same key; returns its id and its status."""
    if new.idempotency_key and (known := _by_key(connection, new.idempotency_key)):
        return known.id, statuses(connection, [known])[0]
    packages.need(connection, new.id, packages_of(new.config), now)
    if new.remotes:
        remotes.note(connection, new.id, new.remotes)
    its_tags = dict(new.config.tags or {})
    queue = line.join(connection, new.config, new.project, new.creator_id, now)
    demand = asked.demand_in(connection, new.config, queue)
    wanted = new.config.job_queue_config
    priority = wanted.priority if wanted else None
    rank, turn = turn_of(queue.execution_mode if queue else "FIFO", priority, now)
    plain = 0 if queue else new.counts_as
    row = _ADD_JOB.one(
        connection,
        {
            "id": new.id,
            "name": new.name,
            "project": new.project,
            "cloud": new.cloud,
            "creator_id": new.creator_id,
            "state": "STARTING",
            "config": json.dumps(new.config.to_wire(exclude_unset=True)),
            "interpreter": new.interpreter,
            "tags": json.dumps(its_tags),
            "max_runs": new.max_runs,
            "idempotency_key": new.idempotency_key,
            "queue_id": queue.id if queue else None,
            "priority": priority,
            "rank": rank,
            "turn": turn,
            "cpus": demand.cpus if demand else plain,
            "memory": demand.memory if demand else None,
            "gpus": demand.gpus if demand else None,
            "due_at": now,
            "created_at": now,
            "updated_at": now,
            "status_updated_at": now,
        },
    )
    _index_tags(connection, row)
    if queue:
        line.arrive(connection, queue)
    else:
        line.touch(connection, None)
    publish(connection, row, (), "state", now)
    return row.id, status(connection, row, ())


def request_stop(connection: Connection, job_id: str, now: int) -> Launch | None:
    """Ask for the job's end; a terminal one stays as it is. Returns its living run, if any."""
    job = require(connection, job_id)
    if job.state in TERMINAL:
        return None
    asked_before = job.stop_requested_at is not None
    if not asked_before:
        job = set_job(connection, job_id, now, stop_requested_at=now, reason="stopping")
    living = _LIVING.first(connection, {"job": job_id})
    if living is None:
        finish(connection, job, "TERMINATED", now, reason="stopped")
        return None
    if not asked_before:
        publish(connection, job, None, "run", now)
    return launch(connection, job, living)


def archive(connection: Connection, job_id: str, now: int) -> None:
    """Hide a terminal job from name look-ups and lists."""
    job = _terminal(connection, job_id, "archived")
    if job.archived_at is None:
        job = set_job(connection, job_id, now, archived_at=now)
        publish(connection, job, None, "archived", now)


def remove(connection: Connection, job_id: str, now: int) -> list[str]:
    """Take every trace of a terminal job out of the database; returns the packages that it needed."""
    job = _terminal(connection, job_id, "deleted")
    for table in (runs, tags, events):
        connection.execute(delete(table).where(table.c.job_id == job_id))
    connection.execute(delete(jobs).where(jobs.c.id == job_id))
    remotes.forget(connection, job_id)
    gone = json.dumps({"id": job_id, "state": job.state, "deleted": True})
    tell(connection, job_id, "deleted", gone, now)
    return packages.let_go(connection, job_id)


def set_tags(connection: Connection, job_id: str, upserts: dict[str, str], now: int) -> dict[str, str]:
    """Add or change tags; refused as a whole where one breaks a rule."""
    return _retag(connection, job_id, {**tags_of(connection, job_id), **upserts}, now)


def drop_tags(connection: Connection, job_id: str, keys: list[str], now: int) -> dict[str, str]:
    """Remove tags by key; a key that is not there is no error."""
    kept = {key: value for key, value in tags_of(connection, job_id).items() if key not in keys}
    return _retag(connection, job_id, kept, now)


def tags_of(connection: Connection, job_id: str) -> dict[str, str]:
    """Return the job's tags as they are now."""
    return dict(json.loads(require(connection, job_id).tags))


def _retag(connection: Connection, job_id: str, new: dict[str, str], now: int) -> dict[str, str]:
    check_tags(new)
    job = require(connection, job_id)
    if new != json.loads(job.tags):
        job = set_job(connection, job_id, now, tags=json.dumps(new))
        connection.execute(delete(tags).where(tags.c.job_id == job_id))
        _index_tags(connection, job)
        publish(connection, job, None, "tags", now)
    return new


def _index_tags(connection: Connection, job: Row) -> None:
    rows = [
        {"job_id": job.id, "key": key, "value": value, "created_at": job.created_at, "state": job.state}
        for key, value in json.loads(job.tags).items()
    ]
    if rows:
        connection.execute(_ADD_TAG, rows)


def _by_key(connection: Connection, key: str) -> Row | None:
    return _BY_KEY.first(connection, {"key": key})


def _terminal(connection: Connection, job_id: str, what: str) -> Row:
    job = require(connection, job_id)
    if job.state not in TERMINAL:
        raise JobStateError(
            f"The job {job.name!r} ({job_id}) is {job.state} and can't be {what} yet. "
            "Wait for its end, or terminate it first."
        )
    return job
