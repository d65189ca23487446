"""What rows say is what goes over the wire."""

from __future__ import annotations

import json
from collections import namedtuple
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table, create_engine

from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.store.records import status, view
from jobs_jupyter.service.store.schema import jobs, runs

AT = 1_700_000_000_000_007
TEXTS = st.text(st.characters())  # lone surrogates, quotes and control characters are among them
ERROR = {"type": "E", "message": 'said "no"'}
JOB = {
    **dict.fromkeys(("id", "name", "project", "cloud", "creator_id", "state"), "x"),
    **dict.fromkeys(("created_at", "updated_at", "status_updated_at"), AT),
    "config": json.dumps({"entrypoint": "true", "tags": {"ü": '"'}}),
    "tags": json.dumps({"ü": '"'}),
    "max_runs": 1,
}
RUN = {"name": "r", "attempt": 1, "state": "FAILED", "created_at": AT}


def row(table: Table, **values: Any) -> Any:
    kind: Any = namedtuple("Row", table.c.keys())  # type: ignore[misc]
    return kind(**{**dict.fromkeys(kind._fields), **values})


def shown(write: Any, job: Any, its_runs: Any) -> dict[str, Any]:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            found: dict[str, Any] = json.loads(write(connection, job, its_runs))
            return found
    finally:
        engine.dispose()


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_survives(name: str, user: str, reason: str) -> None:
    job = row(jobs, **{**JOB, "name": name, "creator_id": user, "reason": reason})
    run = row(runs, **RUN, reason=reason)
    for write in (status, view):
        found = shown(write, job, [run])
        assert (found["name"], found["creator_id"]) == (name, user)
        assert (found.get("reason") or "") == reason == found["runs"][0]["reason"]


def test_a_status_has_what_is_known_and_a_view_has_always_the_same() -> None:
    bare = row(jobs, **JOB)
    full = row(
        jobs, **JOB, error=json.dumps(ERROR), exit_code=3, notices='["n"]', started_at=AT, archived_at=AT
    )
    known = set(JOB) | {"runs"}
    assert set(shown(status, bare, [])) == known
    assert set(shown(status, full, [])) == known | {
        "error",
        "exit_code",
        "notices",
        "started_at",
        "archived_at",
    }
    assert set(shown(view, bare, [])) == set(shown(view, full, []))
    assert shown(view, bare, [])["archived"] is False
    assert shown(view, full, [])["archived"] is True


def test_values_are_of_their_types() -> None:
    used = {"exit_code": 3, "cpu_time_s": 0.25, "peak_memory": 2**40, "error": json.dumps(ERROR)}
    found = shown(status, row(jobs, **JOB, error=json.dumps(ERROR)), [row(runs, **RUN, **used, ended_at=AT)])
    assert found["config"] == {"entrypoint": "true", "tags": {"ü": '"'}}
    assert (found["tags"], found["error"], found["created_at"]) == ({"ü": '"'}, ERROR, iso(AT))
    assert found["runs"] == [{**RUN, **used, "error": ERROR, "created_at": iso(AT), "ended_at": iso(AT)}]
