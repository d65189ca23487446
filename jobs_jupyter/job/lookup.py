"""Finding the job that a function's arguments mean."""

from __future__ import annotations

from typing import Any

from jobs_jupyter.client.http import client


def resolve(
    name: str | None,
    id: str | None,  # noqa: A002 - the reference's name
    cloud: str | None,
    project: str | None,
    include_archived: bool,
    job_id: str | None = None,
) -> dict[str, Any]:
    """Return the status, as a dict, of the one job that is meant.

    Raises:
        ValueError: not exactly one of name and id, or an id together with a cloud or project.
        JobNotFoundError: there is none; the message has the nearest names.
    """
    for label, value in {
        "name": name,
        "id": id,
        "job_id": job_id,
        "cloud": cloud,
        "project": project,
    }.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{label} must be a string, not {value!r}.")
    if not isinstance(include_archived, bool):
        raise TypeError(f"include_archived must be True or False, not {include_archived!r}.")
    wanted = _one_id(id, job_id)
    if wanted is None and name is None:
        raise ValueError("Say which job is meant: pass its name or its id.")
    if wanted is not None and name is not None:
        raise ValueError(f"Pass the name ({name!r}) or the id ({wanted!r}), not both.")
    if not (wanted if name is None else name):
        raise ValueError(
            f"The {'id' if name is None else 'name'} is empty; leave it out or say which job is meant."
        )
    if wanted is not None and (cloud is not None or project is not None):
        raise ValueError("An id is unique: leave out cloud and project, which belong to a name.")
    if wanted is not None:
        query = {"id": wanted}
    else:
        given = {
            "name": name,
            "cloud": cloud,
            "project": project,
            "include_archived": str(include_archived).lower(),
        }
        query = {key: value for key, value in given.items() if value is not None}
    found: dict[str, Any] = client.json("GET", "/v1/jobs/find", query=query)
    return found


def _one_id(first: str | None, second: str | None) -> str | None:
    if first is not None and second is not None and first != second:
        raise ValueError(f"id={first!r} and job_id={second!r} are two spellings of one thing; pass one.")
    return second if first is None else first
