"""Queues as their users see them and change them: what `jobs_jupyter.job_queue` asks for."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from jobs_jupyter.models.errors import JobQueueNotFoundError, JobStateError
from jobs_jupyter.models.tags import check_tags
from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.store import line, noted
from jobs_jupyter.service.store.prepared import Row
from jobs_jupyter.service.store.schema import jobs, queues


def find(connection: Connection, name: str, project: str, include_archived: bool = True) -> dict[str, Any]:
    """Return the status of the queue of that name."""
    queue = line.target(connection, name, project)
    if queue.state != "ACTIVE" and not include_archived:
        raise JobQueueNotFoundError(
            f"The job queue {name!r} in the project {project!r} is archived. "
            "Find it with include_archived=True, or by its id."
        )
    return status(connection, queue.id)


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
        "tags": tags_in(queue) or None,
    }
    return {name: value for name, value in full.items() if value is not None}


def change(connection: Connection, queue_id: str, values: dict[str, Any], _: int = 0) -> dict[str, Any]:
    """Change settings of a queue, also while its jobs run."""
    line.require(connection, queue_id)
    line.set_queue(connection, queue_id, **values)
    line.touch(connection, queue_id)
    line.due(connection)
    return status(connection, queue_id)


def tags_in(queue: Row) -> dict[str, str]:
    """Return the tags in a queue's row."""
    return dict(json.loads(queue.tags or "{}"))


def tags_of(connection: Connection, queue_id: str) -> dict[str, str]:
    """Return a queue's tags."""
    return tags_in(line.require(connection, queue_id))


def set_tags(connection: Connection, queue_id: str, upserts: dict[str, str], _: int = 0) -> dict[str, str]:
    """Add or change tags; refused as a whole where one breaks a rule."""
    new = check_tags({**tags_of(connection, queue_id), **upserts})
    line.set_queue(connection, queue_id, tags=json.dumps(new))
    return new


def drop_tags(connection: Connection, queue_id: str, keys: list[str], _: int = 0) -> dict[str, str]:
    """Remove tags by key; a key that is not there is no error."""
    kept = {key: value for key, value in tags_of(connection, queue_id).items() if key not in keys}
    line.set_queue(connection, queue_id, tags=json.dumps(kept))
    return kept


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
