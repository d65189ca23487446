"""Lists of queues: which ones match, in which order, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import Any

from sqlalchemy import Connection, select

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.service.store import job_queues
from jobs_jupyter.service.store.prepared import Row
from jobs_jupyter.service.store.schema import queues

_NEWEST_FIRST = (("CREATED_AT", "DESC"),)


@dataclass(frozen=True)
class QueueListing:
    """Which queues are wanted; None: whatever it is. Without a page size it is all of them."""

    job_queue_id: str | None = None
    name: str | None = None
    creator_id: str | None = None
    project: str | None = None
    cluster_is_up: bool | None = None
    include_archived: bool = True
    tags: dict[str, list[str]] = field(default_factory=dict)
    order: tuple[tuple[str, str], ...] = _NEWEST_FIRST
    page_size: int | None = None
    cursor: str | None = None


def page(connection: Connection, wanted: QueueListing) -> tuple[list[dict[str, Any]], str | None]:
    """Return the statuses of a page of queues, and the cursor of the next one (None: there is none).

    A cursor says where the last queue stood, so queues that come and go meanwhile repeat none and drop none.
    """
    order = wanted.order or _NEWEST_FIRST
    rows = connection.execute(select(queues))
    places = [_place(row, order) for row in rows if _is_wanted(row, wanted)]
    places.sort(key=_key(order))
    if wanted.cursor is not None:
        after = _read_cursor(wanted.cursor, order)
        places = [place for place in places if _compared(place, after, order) > 0]
    size = wanted.page_size or len(places)
    shown = [job_queues.status(connection, place[-1]) for place in places[:size]]
    return shown, json.dumps(places[size - 1]) if len(places) > size else None


def _is_wanted(row: Row, wanted: QueueListing) -> bool:
    exact = {"id": wanted.job_queue_id, "name": wanted.name}
    exact |= {"creator_id": wanted.creator_id, "project": wanted.project}
    if any(value is not None and getattr(row, name) != value for name, value in exact.items()):
        return False
    if wanted.cluster_is_up is not None and _is_up(row) != wanted.cluster_is_up:
        return False
    if not wanted.include_archived and row.state != "ACTIVE" and wanted.job_queue_id is None:
        return False
    tags = job_queues.tags_in(row)
    return all(tags.get(key) in values for key, values in wanted.tags.items())


def _is_up(row: Row) -> bool:
    return row.cluster_started_at is not None


def _place(row: Row, order: tuple[tuple[str, str], ...]) -> list[Any]:
    """Return what a queue is sorted by; its id comes last, so that no two have the same place."""
    values = {
        "ID": row.id,
        "NAME": row.name,
        "CREATED_AT": row.created_at,
        "CREATOR_ID": row.creator_id,
        "PROJECT_ID": row.project,
        "QUEUE_STATE": row.state,
        "CLUSTER_STATE": "RUNNING" if _is_up(row) else "TERMINATED",
    }
    return [*(values[name] for name, _ in order), row.id]


def _key(order: tuple[tuple[str, str], ...]) -> Callable[[list[Any]], Any]:
    def compare(one: list[Any], other: list[Any]) -> int:
        return _compared(one, other, order)

    return cmp_to_key(compare)


def _compared(one: list[Any], other: list[Any], order: tuple[tuple[str, str], ...]) -> int:
    """Return below 0 where `one` comes first, above where `other` does; what has no value comes last."""
    for mine, its, direction in zip(one, other, [*(way for _, way in order), "ASC"], strict=True):
        if mine == its:
            continue
        if mine is None or its is None:
            return 1 if mine is None else -1
        return (1 if mine > its else -1) * (-1 if direction == "DESC" else 1)
    return 0


def _read_cursor(text: str, order: tuple[tuple[str, str], ...]) -> list[Any]:
    try:
        place = json.loads(text)
        kinds = [int if name == "CREATED_AT" else str for name, _ in order] + [str]
        if all(value is None or type(value) is kind for value, kind in zip(place, kinds, strict=True)):
            return list(place)
    except (ValueError, TypeError):
        pass
    raise InvalidRequestError(f"cursor={text!r} is not the end of a page of this list; begin anew.")
