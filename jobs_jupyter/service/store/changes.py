"""Every change of a job: one function, one transaction, one event.

Each takes the connection of a transaction and the time now, in microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from jobs_jupyter.models.errors import JobStateError
from jobs_jupyter.models.job import JobConfig, packages_of
from jobs_jupyter.models.names import new_run_name
from jobs_jupyter.models.tags import check_tags
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.resources import NOTHING, Demand
from jobs_jupyter.service.scheduler import turn_of
from jobs_jupyter.service.store import line, noted, packages
from jobs_jupyter.service.store.leases import Leases, demand_of
from jobs_jupyter.service.store.records import (
    ALIVE,
    TERMINAL,
    job_row,
    require,
    runs_of,
    status_of,
    statuses,
    view,
)
from jobs_jupyter.service.store.schema import RUN_ALIVE, events, jobs, runs, tags

LONGEST_RETRY_DELAY_S = 60
NO_TAGS = "{}"

# built once: building a statement costs more than running it
_RUN = select(runs).where(runs.c.name == bindparam("run"))
_BY_KEY = select(jobs).where(jobs.c.idempotency_key == bindparam("key"))
_LIVING = select(runs).where(runs.c.job_id == bindparam("job"), RUN_ALIVE)
_ADD_JOB, _ADD_RUN = insert(jobs).returning(*jobs.c), insert(runs).returning(*runs.c)
_ADD_EVENT, _ADD_TAG = insert(events), insert(tags)
_SET_TAGS = update(tags).where(tags.c.job_id == bindparam("job"))
_SET_JOB = update(jobs).where(jobs.c.id == bindparam("job")).returning(*jobs.c)
_SET_RUN = update(runs).where(runs.c.name == bindparam("run")).returning(*runs.c)


@dataclass(frozen=True)
class NewJob:
    """What a submit brings, beside what the store adds.

    `demand` is what its compute config asks for; `counts_as` are the CPUs that it counts as where it
    asks for nothing and waits in no queue.
    """

    id: str
    name: str
    project: str
    cloud: str
    creator_id: str
    config: JobConfig
    interpreter: str | None
    idempotency_key: str | None
    demand: Demand | None = None
    counts_as: int = 1

    @property
    def max_runs(self) -> int:
        """How many runs the job may have; left out, max_retries means 1."""
        return 1 + (1 if self.config.max_retries is None else self.config.max_retries)


def add_job(connection: Connection, new: NewJob, now: int) -> dict[str, Any]:
    """Store a submitted job; one that came before under the same key is returned as it is."""
    if new.idempotency_key and (known := _by_key(connection, new.idempotency_key)):
        return statuses(connection, [known])[0]
    packages.need(connection, new.id, packages_of(new.config), now)
    its_tags = dict(new.config.tags or {})
    queue = line.join(connection, new.config, new.project, new.creator_id, now)
    wanted = new.config.job_queue_config
    priority = wanted.priority if wanted else None
    rank, turn = turn_of(queue.execution_mode if queue else "FIFO", priority, now)
    plain = 0 if queue else new.counts_as
    row = connection.execute(
        _ADD_JOB,
        {
            "id": new.id,
            "name": new.name,
            "project": new.project,
            "cloud": new.cloud,
            "creator_id": new.creator_id,
            "state": "STARTING",
            "config": json.dumps(new.config.to_dict(exclude_unset=True)),
            "interpreter": new.interpreter,
            "tags": json.dumps(its_tags),
            "max_runs": new.max_runs,
            "idempotency_key": new.idempotency_key,
            "queue_id": queue.id if queue else None,
            "priority": priority,
            "rank": rank,
            "turn": turn,
            "cpus": new.demand.cpus if new.demand else plain,
            "memory": new.demand.memory if new.demand else None,
            "gpus": new.demand.gpus if new.demand else None,
            "due_at": now,
            "created_at": now,
            "updated_at": now,
            "status_updated_at": now,
        },
    ).one()
    _index_tags(connection, row)
    if queue:
        line.arrive(connection, queue)
    else:
        line.touch(connection, None)
    shown = _publish(connection, row, (), "state", now)
    return status_of(shown, row, ())


def begin_run(connection: Connection, job_id: str, boot_id: str, given: Leases, now: int) -> Launch | None:
    """Write down that a run is about to start, with what it leases; None: the job waits no longer."""
    job = job_row(connection, job_id)
    if job is None or job.due_at is None or job.stop_requested_at is not None:
        return None
    try:
        config = JobConfig.from_dict(json.loads(job.config))
    except ValueError as problem:  # a newer version's, or damaged: the others must start all the same
        why = f"could not start: its config can't be read by this version: {problem}"
        finish(connection, job, "FAILED", now, reason=why[:500])
        return None
    earlier = runs_of(connection, job_id)
    run = connection.execute(
        _ADD_RUN,
        {
            "name": new_run_name(),
            "job_id": job_id,
            "attempt": len(earlier) + 1,
            "state": "STARTING",
            "launch": 1,
            "boot_id": boot_id,
            "created_at": now,
            **given.take(demand_of(job) if job.memory is not None else NOTHING),
        },
    ).one()
    if not earlier and job.queue_id is not None:
        line.enter(connection, job.queue_id, now)
    job = _set(connection, job_id, now, due_at=None)
    _publish(connection, job, [*earlier, run], "run", now)
    return _launch(connection, job, run, config)


def launch_again(connection: Connection, run: str, boot_id: str, _: int = 0) -> Launch:
    """Count one more try at starting a run whose claim was revoked."""
    again = {"launch": runs.c.launch + 1, "boot_id": boot_id}
    connection.execute(update(runs).where(runs.c.name == run).values(again))
    return launch_of(connection, run)


def preparing(connection: Connection, run: str, text: str, now: int) -> None:
    """Say what is being done for a run that has not started yet."""
    row = run_row(connection, run)
    if row is None or row.state != "STARTING":
        return
    job, its_runs = require(connection, row.job_id), runs_of(connection, row.job_id)
    if job.stop_requested_at is None:
        its_runs = [*its_runs[:-1], connection.execute(_SET_RUN, {"run": run, "reason": text}).one()]
        job = _set(connection, job.id, now, reason=text)
        _publish(connection, job, its_runs, "run", now)


def run_started(connection: Connection, run: str, now: int) -> bool:
    """The run's process exists; returns whether the job was asked to stop meanwhile."""
    row = run_row(connection, run)
    if row is None or row.state != "STARTING":
        return False
    job, _ = _running(connection, require(connection, row.job_id), runs_of(connection, row.job_id), now)
    return job.stop_requested_at is not None


def _running(
    connection: Connection, job: Row[Any], its_runs: Sequence[Row[Any]], at: int
) -> tuple[Row[Any], Sequence[Row[Any]]]:
    """The last of a job's runs is running; returns the job and its runs as they are now."""
    values = {"run": its_runs[-1].name, "state": "RUNNING", "started_at": at, "reason": None}
    its_runs = [*its_runs[:-1], connection.execute(_SET_RUN, values).one()]
    if job.state == "STARTING":
        job = _set_state(connection, job, "RUNNING", at, started_at=at, reason=None)
        _publish(connection, job, its_runs, "state", at)
    else:
        job = _set(connection, job.id, at, reason=None)
        _publish(connection, job, its_runs, "run", at)
    return job, its_runs


def end_run(connection: Connection, run: str, outcome: Outcome, now: int) -> str | None:
    """The run has ended: the job is decided, or waits for its next run.

    Returns the job's id where this decided it.
    """
    row = run_row(connection, run)
    if row is None or row.state not in ALIVE:
        return None
    job, its_runs = require(connection, row.job_id), runs_of(connection, row.job_id)
    if row.state == "STARTING" and outcome.started_at is not None and outcome.had_process:
        job, its_runs = _running(connection, job, its_runs, outcome.started_at)
    timeout_s = json.loads(job.config).get("timeout_s")
    reason, error = outcome.reason(timeout_s), json.dumps(outcome.error) if outcome.error else None
    began = its_runs[-1].started_at
    if began is not None and outcome.started_at is not None:
        began = min(began, outcome.started_at)  # as its shim saw it, not as it was written down here
    ends = {
        "run": run,
        "started_at": began,
        "state": "SUCCEEDED" if outcome.succeeded else "FAILED",
        "exit_code": outcome.exit_code,
        "reason": reason,
        "error": error,
        "ended_at": max(outcome.ended_at or now, began or 0),
        "cpu_time_s": outcome.cpu_time_s,
        "peak_memory": outcome.peak_memory,
    }
    its_runs = [*its_runs[:-1], connection.execute(_SET_RUN, ends).one()]
    if outcome.succeeded:
        finish(connection, job, "SUCCEEDED", now, its_runs, exit_code=0)
    elif job.stop_requested_at is not None:
        finish(connection, job, "TERMINATED", now, its_runs, reason="stopped", exit_code=outcome.exit_code)
    elif outcome.may_retry and row.attempt < job.max_runs:
        # one that never ran waits in its line as before
        delay = min(2 ** (row.attempt - 1), LONGEST_RETRY_DELAY_S) if job.state == "RUNNING" else 0
        waits = f"{reason}; run {row.attempt + 1} of {job.max_runs} follows after {delay} s"
        line.touch(connection, job.queue_id)
        line.due(connection)
        job = _set(connection, job.id, now, due_at=now + delay * SECOND, reason=waits)
        _publish(connection, job, its_runs, "run", now)
        return None
    else:
        why = {"reason": reason, "error": error, "exit_code": outcome.exit_code}
        finish(connection, job, "FAILED", now, its_runs, **why)
    return str(job.id)


def finish(
    connection: Connection,
    job: Row[Any],
    state: str,
    now: int,
    its_runs: Sequence[Row[Any]] | None = None,
    **values: Any,
) -> None:
    """The job is terminal."""
    if job.state == "RUNNING" and job.due_at is not None:  # its retry will not be
        line.due(connection)
    values = {"reason": None, "error": None, "exit_code": None, **values}
    job = _set_state(connection, job, state, now, ended_at=now, due_at=None, **values)
    _publish(connection, job, its_runs, "state", now)
    line.leave(connection, job.queue_id, now)


def request_stop(connection: Connection, job_id: str, now: int) -> Launch | None:
    """Ask for the job's end; a terminal one stays as it is. Returns its living run, if any."""
    job = require(connection, job_id)
    if job.state in TERMINAL:
        return None
    asked_before = job.stop_requested_at is not None
    if not asked_before:
        job = _set(connection, job_id, now, stop_requested_at=now, reason="stopping")
    living = connection.execute(_LIVING, {"job": job_id}).one_or_none()
    if living is None:
        finish(connection, job, "TERMINATED", now, reason="stopped")
        return None
    if not asked_before:
        _publish(connection, job, None, "run", now)
    return _launch(connection, job, living)


def archive(connection: Connection, job_id: str, now: int) -> None:
    """Hide a terminal job from name look-ups and lists."""
    job = _terminal(connection, job_id, "archived")
    if job.archived_at is None:
        job = _set(connection, job_id, now, archived_at=now)
        _publish(connection, job, None, "archived", now)


def remove(connection: Connection, job_id: str, now: int) -> list[str]:
    """Take every trace of a terminal job out of the database; returns the packages that it needed."""
    job = _terminal(connection, job_id, "deleted")
    for table in (runs, tags, events):
        connection.execute(delete(table).where(table.c.job_id == job_id))
    connection.execute(delete(jobs).where(jobs.c.id == job_id))
    gone = json.dumps({"id": job_id, "state": job.state, "deleted": True})
    _tell(connection, job_id, "deleted", gone, now)
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


def run_row(connection: Connection, run: str) -> Row[Any] | None:
    """Return the run's row."""
    return connection.execute(_RUN, {"run": run}).one_or_none()


def launch_of(connection: Connection, run: str) -> Launch:
    """Return what it takes to start a run, or to find it again."""
    row = connection.execute(_RUN, {"run": run}).one()
    return _launch(connection, require(connection, row.job_id), row)


def _launch(connection: Connection, job: Row[Any], row: Row[Any], config: JobConfig | None = None) -> Launch:
    return Launch(
        job_id=job.id,
        job_name=job.name,
        run=row.name,
        attempt=row.attempt,
        number=row.launch,
        boot_id=row.boot_id,
        config=config or JobConfig.from_dict(json.loads(job.config)),
        interpreter=job.interpreter,
        stopping=job.stop_requested_at is not None,
        queue_id=job.queue_id,
        cluster=line.require(connection, job.queue_id).clusters if job.queue_id else 0,
        cpus=job.cpus if job.memory is not None else None,
        memory=job.memory,
        cpu_list=row.cpu_list if job.memory is not None else None,
        gpu_list=row.gpu_list if job.memory is not None else None,
    )


def alive(connection: Connection) -> list[Launch]:
    """Return every run that has not ended, as far as the database knows."""
    names = connection.execute(select(runs.c.name).where(runs.c.state.in_(ALIVE))).scalars()
    return [launch_of(connection, name) for name in names]


def _retag(connection: Connection, job_id: str, new: dict[str, str], now: int) -> dict[str, str]:
    check_tags(new)
    job = require(connection, job_id)
    if new != json.loads(job.tags):
        job = _set(connection, job_id, now, tags=json.dumps(new))
        connection.execute(delete(tags).where(tags.c.job_id == job_id))
        _index_tags(connection, job)
        _publish(connection, job, None, "tags", now)
    return new


def _index_tags(connection: Connection, job: Row[Any]) -> None:
    rows = [
        {"job_id": job.id, "key": key, "value": value, "created_at": job.created_at, "state": job.state}
        for key, value in json.loads(job.tags).items()
    ]
    if rows:
        connection.execute(_ADD_TAG, rows)


def _set_state(connection: Connection, job: Row[Any], state: str, now: int, **values: Any) -> Row[Any]:
    if job.tags != NO_TAGS:
        connection.execute(_SET_TAGS, {"job": job.id, "state": state})
    return _set(connection, job.id, now, state=state, status_updated_at=now, **values)


def _by_key(connection: Connection, key: str) -> Row[Any] | None:
    return connection.execute(_BY_KEY, {"key": key}).one_or_none()


def _terminal(connection: Connection, job_id: str, what: str) -> Row[Any]:
    job = require(connection, job_id)
    if job.state not in TERMINAL:
        raise JobStateError(
            f"The job {job.name!r} ({job_id}) is {job.state} and can't be {what} yet. "
            "Wait for its end, or terminate it first."
        )
    return job


def _set(connection: Connection, job_id: str, now: int, **values: Any) -> Row[Any]:
    row: Row[Any] = connection.execute(_SET_JOB, {"job": job_id, "updated_at": now, **values}).one()
    return row


def _publish(
    connection: Connection, job: Row[Any], its_runs: Sequence[Row[Any]] | None, kind: str, now: int
) -> dict[str, Any]:
    """Write down an event and return its view of the job; `its_runs` where they are known."""
    shown = view(connection, job, runs_of(connection, job.id) if its_runs is None else its_runs)
    _tell(connection, job.id, kind, json.dumps(shown, separators=(",", ":")), now)
    return shown


def _tell(connection: Connection, job_id: str, kind: str, shown: str, now: int) -> None:
    added = connection.execute(_ADD_EVENT, {"job_id": job_id, "kind": kind, "at": now, "view": shown})
    (seq,) = added.inserted_primary_key or (0,)
    noted.of(connection).events.append(noted.Told(seq, job_id, kind, now, shown))
