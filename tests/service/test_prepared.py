"""Statements that are compiled once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, bindparam, create_engine, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from jobs_jupyter.service.store.prepared import Prepared
from jobs_jupyter.service.store.schema import metadata, tags

ROW = {"job_id": "a", "key": "team", "value": "red", "created_at": 1}
ADD = Prepared(insert(tags).returning(*tags.c))
CHANGE = Prepared(update(tags).where(tags.c.job_id == bindparam("job")).returning(*tags.c))
OF_JOB = Prepared(select(tags).where(tags.c.job_id == bindparam("job")).order_by(tags.c.key))
OLD = Prepared(select(tags.c.value).where(tags.c.created_at < 10).limit(bindparam("most")))


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as opened:
        metadata.create_all(opened)
        yield opened
    engine.dispose()


def test_what_is_left_out_is_null_or_stays(connection: Connection) -> None:
    added = ADD.one(connection, ROW)
    assert (added.job_id, added.value, added.state) == ("a", "red", None)
    assert CHANGE.one(connection, {"job": "a", "state": "RUNNING"}).value == "red"
    assert CHANGE.one(connection, {"job": "a", "value": "blue"}).state == "RUNNING"
    assert CHANGE.one(connection, {"job": "a", "value": "red", "state": None}).state is None
    assert connection.execute(select(tags)).one() == ("a", "team", "red", 1, None)


def test_rows_are_as_sqlalchemy_has_them(connection: Connection) -> None:
    for key in ("b", "a"):
        ADD.run(connection, {**ROW, "key": key})
    rows = OF_JOB.all(connection, {"job": "a"})
    same = connection.execute(select(tags).order_by(tags.c.key)).all()
    assert [tuple(row) for row in rows] == [tuple(row) for row in same]
    assert [row.key for row in rows] == [row.key for row in same]
    assert OF_JOB.first(connection, {"job": "a"}) == rows[0]


def test_constants_and_limits(connection: Connection) -> None:
    for number in range(3):
        ADD.run(connection, {**ROW, "key": str(number), "value": str(number)})
    assert OLD.scalar(connection, {"most": 2}) == "0"
    assert [row.value for row in OLD.all(connection, {"most": 2})] == ["0", "1"]


def test_where_there_is_nothing(connection: Connection) -> None:
    assert OF_JOB.all(connection, {"job": "x"}) == []
    assert OF_JOB.first(connection, {"job": "x"}) is None
    assert OLD.scalar(connection, {"most": 1}) is None
    with pytest.raises(ValueError, match="not enough values"):
        OF_JOB.one(connection, {"job": "x"})


def test_what_the_driver_refuses_is_raised_as_by_sqlalchemy(connection: Connection) -> None:
    ADD.run(connection, ROW)
    with pytest.raises(IntegrityError) as refused:
        ADD.run(connection, ROW)
    assert "red" not in str(refused.value), "values are in no message"
    metadata.drop_all(connection)
    with pytest.raises(OperationalError, match="no such table"):
        OF_JOB.all(connection, {"job": "a"})


def test_a_value_that_is_not_given(connection: Connection) -> None:
    ADD.run(connection, ROW)
    with pytest.raises(KeyError, match="job"):
        OF_JOB.all(connection, {"jobs": "a"})
