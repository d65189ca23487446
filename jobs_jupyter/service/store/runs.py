"""Every change of a run: one function, one transaction.

Each takes the connection of a transaction and the time now, in microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection, bindparam, insert, select, update

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.names import new_run_name
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.outcome import LEFT_OUT, NOT_KEPT, Outcome
from jobs_jupyter.service.resources import NOTHING
from jobs_jupyter.service.store import line
from jobs_jupyter.service.store.entry import finish, publish, set_job, set_state
from jobs_jupyter.service.store.leases import Leases, demand_of
from jobs_jupyter.service.store.prepared import Prepared, Row
from jobs_jupyter.service.store.records import ALIVE, job_row, require, runs_of
from jobs_jupyter.service.store.schema import runs

LONGEST_RETRY_DELAY_S = 60

_RUN = Prepared(select(runs).where(runs.c.name == bindparam("run")))
_ADD_RUN = Prepared(insert(runs).returning(*runs.c))
_SET_RUN = Prepared(update(runs).where(runs.c.name == bindparam("run")).returning(*runs.c))


def begin_run(connection: Connection, job_id: str, boot_id: str, given: Leases, now: int) -> Launch | None:
    """Write down that a run is about to start, with what it leases; None: the job waits no longer."""
    job = job_row(connection, job_id)
    if job is None or job.due_at is None or job.stop_requested_at is not None:
        return None
    try:
        config = _config(job.config)
    except ValueError as problem:  # a newer version's, or damaged: the others must start all the same
        why = f"could not start: its config can't be read by this version: {problem}"
        finish(connection, job, "FAILED", now, reason=why[:500])
        return None
    earlier = runs_of(connection, job_id)
    run = _ADD_RUN.one(
        connection,
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
    )
    if not earlier and job.queue_id is not None:
        line.enter(connection, job.queue_id, now)
    job = set_job(connection, job_id, now, due_at=None)
    publish(connection, job, [*earlier, run], "run", now)
    return launch(connection, job, run, config)


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
        its_runs = [*its_runs[:-1], _SET_RUN.one(connection, {"run": run, "reason": text})]
        job = set_job(connection, job.id, now, reason=text)
        publish(connection, job, its_runs, "run", now)


def notice(connection: Connection, run: str, notices: Sequence[str], now: int) -> None:
    """Note what whoever looks at the run's job should know; what was noted for an earlier run goes."""
    row = run_row(connection, run)
    if row is None or row.state != "STARTING":
        return
    job, its_runs = require(connection, row.job_id), runs_of(connection, row.job_id)
    text = json.dumps(list(notices))
    if job.notices != text:
        publish(connection, set_job(connection, job.id, now, notices=text), its_runs, "run", now)


def run_started(connection: Connection, run: str, now: int) -> bool:
    """The run's process exists; returns whether the job was asked to stop meanwhile."""
    row = run_row(connection, run)
    if row is None or row.state != "STARTING":
        return False
    job, _ = _running(connection, require(connection, row.job_id), runs_of(connection, row.job_id), now)
    return job.stop_requested_at is not None


def _running(connection: Connection, job: Row, its_runs: Sequence[Row], at: int) -> tuple[Row, Sequence[Row]]:
    """The last of a job's runs is running; returns the job and its runs as they are now."""
    values = {"run": its_runs[-1].name, "state": "RUNNING", "started_at": at, "reason": None}
    its_runs = [*its_runs[:-1], _SET_RUN.one(connection, values)]
    if job.state == "STARTING":
        job = set_state(connection, job, "RUNNING", at, started_at=at, reason=None)
        publish(connection, job, its_runs, "state", at)
    else:
        job = set_job(connection, job.id, at, reason=None)
        publish(connection, job, its_runs, "run", at)
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
    its_runs = [*its_runs[:-1], _SET_RUN.one(connection, ends)]
    job = _with_notices(connection, job, outcome, now)
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
        job = set_job(connection, job.id, now, due_at=now + delay * SECOND, reason=waits)
        publish(connection, job, its_runs, "run", now)
        return None
    else:
        why = {"reason": reason, "error": error, "exit_code": outcome.exit_code}
        finish(connection, job, "FAILED", now, its_runs, **why)
    return str(job.id)


def _with_notices(connection: Connection, job: Row, outcome: Outcome, now: int) -> Row:
    """Put what is to be known of a run's end among the job's notices, in the place of an earlier run's."""
    before = json.loads(job.notices) if job.notices else []
    others = [text for text in before if not text.endswith(NOT_KEPT) and LEFT_OUT not in text]
    notices = [*others, *filter(None, (outcome.displayed, outcome.left_out))]
    return job if notices == before else set_job(connection, job.id, now, notices=json.dumps(notices))


def run_row(connection: Connection, run: str) -> Row | None:
    """Return the run's row."""
    return _RUN.first(connection, {"run": run})


def launch_of(connection: Connection, run: str) -> Launch:
    """Return what it takes to start a run, or to find it again."""
    row = _RUN.one(connection, {"run": run})
    return launch(connection, require(connection, row.job_id), row)


def launch(connection: Connection, job: Row, row: Row, config: JobConfig | None = None) -> Launch:
    """Return what it takes to start a run of a job, from their rows; `config` where it is known."""
    return Launch(
        job_id=job.id,
        job_name=job.name,
        run=row.name,
        attempt=row.attempt,
        number=row.launch,
        boot_id=row.boot_id,
        config=config or _config(job.config),
        interpreter=job.interpreter,
        stopping=job.stop_requested_at is not None,
        queue_id=job.queue_id,
        cluster=line.require(connection, job.queue_id).clusters if job.queue_id else 0,
        cpus=job.cpus if job.memory is not None else None,
        memory=job.memory,
        cpu_list=row.cpu_list if job.memory is not None else None,
        gpu_list=row.gpu_list if job.memory is not None else None,
    )


@lru_cache(256)
def _config(text: str) -> JobConfig:
    return JobConfig.from_dict(json.loads(text))


def alive(connection: Connection) -> list[Launch]:
    """Return every run that has not ended, as far as the database knows."""
    names = connection.execute(select(runs.c.name).where(runs.c.state.in_(ALIVE))).scalars()
    return [launch_of(connection, name) for name in names]
