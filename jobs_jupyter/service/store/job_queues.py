"""Queues as their users see them and change them: what `jobs_jupyter.job_queue` asks for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from jobs_jupyter.models.errors import JobStateError
from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.store import line, noted
from jobs_jupyter.service.store.schema import jobs, queues


def find(connection: Connection, name: str, project: str) -> dict[str, Any]:
    """Return the status of the queue of that name."""
    return status(connection, line.target(connection, name, project).id)


def every(connection: Connection, project: str | None) -> list[dict[str, Any]]:
    """Return the status of each queue, the newest first."""
    query = select(queues.c.id).order_by(queues.c.created_at.desc())
    if project is not None:
        query = query.where(queues.c.project == project)
    return [status(connection, queue_id) for queue_id in connection.execute(query).scalars()]


def status(connection: Connection, queue_id: str) -> dict[str, Any]:
    """Return a queue's status, with its jobs counted."""
    queue = line.require(connection, queue_id)
    query = select(jobs.c.state, func.count()).where(jobs.c.queue_id == queue_id).group_by(jobs.c.state)
    count: dict[str, int] = dict(connection.execute(query).all())
    full = {
        "id": queue.id,
        "name": queue.name,
        "state": queue.state,
        **line.settings_of(queue),
        "project": queue.project,
        "creator_id": queue.creator_id,
        "created_at": iso(queue.created_at),
        "total_jobs": sum(count.values()),
        "active_jobs": sum(count.get(state, 0) for state in line.ALIVE),
        "successful_jobs": count.get("SUCCEEDED", 0),
        "failed_jobs": count.get("FAILED", 0) + count.get("TERMINATED", 0),
        "cluster_is_up": queue.cluster_started_at is not None,
    }
    return {name: value for name, value in full.items() if value is not None}


def change(connection: Connection, queue_id: str, values: dict[str, Any], _: int = 0) -> dict[str, Any]:
    """Change settings of a queue, also while its jobs run."""
    line.require(connection, queue_id)
    line.set_queue(connection, queue_id, **values)
    line.touch(connection, queue_id)
    line.due(connection)
    return status(connection, queue_id)


def seal(connection: Connection, queue_id: str, _: int = 0) -> dict[str, Any]:
    """Let a queue take no more jobs; twice is a no-op."""
    return change(connection, queue_id, {"state": "SEALED"})


def active(connection: Connection, queue_id: str) -> list[str]:
    """Return the jobs of a queue that are not terminal, those that wait first."""
    line.require(connection, queue_id)
    query = select(jobs.c.id).where(jobs.c.queue_id == queue_id, jobs.c.state.in_(line.ALIVE))
    return list(
        connection.execute(query.order_by(jobs.c.due_at.is_(None), jobs.c.created_at.desc())).scalars()
    )


def remove(connection: Connection, queue_id: str, _: int = 0) -> None:
    """Delete a queue whose jobs are all terminal; they stay."""
    queue = line.require(connection, queue_id)
    if left := active(connection, queue_id):
        raise JobStateError(
            f"The queue {queue.name or queue_id!r} has {len(left)} jobs that are not terminal. "
            "Wait for them, or terminate the queue first."
        )
    connection.execute(update(jobs).where(jobs.c.queue_id == queue_id).values(queue_id=None))
    connection.execute(delete(queues).where(queues.c.id == queue_id))
    noted.forget(connection, queue_id)
