"""Finding the job that a function's arguments mean."""

from __future__ import annotations

import re
from typing import Any

from jobs_jupyter.client.http import client

_ID = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def find_id(
    name: str | None,
    id: str | None,  # noqa: A002 - the reference's name
    cloud: str | None,
    project: str | None,
    include_archived: bool,
    job_id: str | None = None,
) -> str:
    """Return the id of the one job that is meant; an id is taken as it is, for the service to refuse.

    Raises: as `resolve` does.
    """
    wanted = _checked(name, id, cloud, project, include_archived, job_id)
    if wanted is not None and _ID.fullmatch(wanted):
        return wanted
    return str(resolve(name, id, cloud, project, include_archived, job_id)["id"])


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
    wanted = _checked(name, id, cloud, project, include_archived, job_id)
    if wanted is not None:
        query = {"id": wanted}
    else:
        given = {"name": name, "cloud": cloud, "project": project}
        query = {key: value for key, value in given.items() if value is not None}
        query["include_archived"] = str(include_archived).lower()
    found: dict[str, Any] = client.json("GET", "/v1/jobs/find", query=query)
    return found


def _checked(
    name: object,
    id: object,  # noqa: A002 - the reference's name
    cloud: object,
    project: object,
    include_archived: object,
    job_id: object,
) -> str | None:
    """Check which job is meant; returns its id, or None where it is meant by its name."""
    given = {"name": name, "id": id, "job_id": job_id, "cloud": cloud, "project": project}
    for label, value in given.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{label} must be a string, not {value!r}.")
        if value == "":
            raise ValueError(f"{label} is empty; leave it out or say which is meant.")
    if not isinstance(include_archived, bool):
        raise TypeError(f"include_archived must be True or False, not {include_archived!r}.")
    if id is not None and job_id is not None and id != job_id:
        raise ValueError(f"id={id!r} and job_id={job_id!r} are two spellings of one thing; pass one.")
    wanted = job_id if id is None else id
    if wanted is None and name is None:
        raise ValueError("Say which job is meant: pass its name or its id.")
    if wanted is not None and name is not None:
        raise ValueError(f"Pass the name ({name!r}) or the id ({wanted!r}), not both.")
    if wanted is not None and (cloud is not None or project is not None):
        raise ValueError("An id is unique: leave out cloud and project, which belong to a name.")
    return None if wanted is None else str(wanted)
