"""Statements that each job needs many times, run without what SQLAlchemy does anew for each execution.

SQLAlchemy writes the SQL, once for each set of names that values are given for; from then on the text
goes straight to the driver. That takes about half as long, and a job has some thirty statements.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.expression import Executable

Row: TypeAlias = Any
"""A row: its columns are attributes. SQLAlchemy's own, or a named tuple of a prepared statement."""


class Prepared:
    """A statement with named parameters; of an insert or an update, also with columns to set.

    It is run within a transaction of SQLAlchemy's. Values and results are as the driver has them: for
    text and numbers they are as SQLAlchemy has them too.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._made: dict[tuple[str, ...], _Compiled] = {}

    def all(self, connection: Connection, values: Mapping[str, Any]) -> list[Row]:
        """Run it, and return its rows."""
        names = (connection.dialect.name, *values)
        compiled = self._made.get(names)
        if compiled is None:
            compiled = self._made[names] = _Compiled(connection, self._statement, list(values))
        return compiled.rows(execute(connection, compiled.text, compiled.parameters(values)))

    def one(self, connection: Connection, values: Mapping[str, Any]) -> Row:
        """Run it, and return its only row."""
        [row] = self.all(connection, values)
        return row

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Row | None:
        """Run it, and return its first row, None where it has none."""
        rows = self.all(connection, values)
        return rows[0] if rows else None

    def scalar(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it, and return the first column of its first row, None where it has none."""
        rows = self.all(connection, values)
        return rows[0][0] if rows else None

    def run(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Run it for what it does."""
        self.all(connection, values)


class _Compiled:
    """The text of a statement for values of certain names."""

    def __init__(self, connection: Connection, statement: Executable, names: list[str]) -> None:
        made: Any = statement.compile(dialect=connection.dialect, column_keys=names)  # type: ignore[attr-defined]
        self.text = str(made)
        self._order: list[str] | None = made.positiontup
        needed = {name for bind, name in made.bind_names.items() if bind.required}
        values: dict[str, Any] = made.construct_params(_check=False)
        self._fixed = {name: value for name, value in values.items() if name not in needed}
        self._row: Callable[..., Row] | None = None

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values in the form that the driver takes."""
        found = {**self._fixed, **values}
        return found if self._order is None else [found[name] for name in self._order]

    def rows(self, cursor: Any) -> list[Row]:
        """Return what a cursor has found."""
        if cursor.description is None:
            return []
        found = cursor.fetchall()
        if self._row is None:
            names = [column[0] for column in cursor.description]
            kind: Any = namedtuple("Row", names)  # type: ignore[misc]
            self._row = kind._make
        return list(map(self._row, found))


def execute(connection: Connection, text: str, parameters: Any = ()) -> Any:
    """Hand a statement to the driver; returns its cursor. Raises what SQLAlchemy does, but for values."""
    cursor = connection.connection.cursor()
    base = connection.dialect.loaded_dbapi.Error
    try:
        cursor.execute(text, parameters)
    except base as problem:
        raise DBAPIError.instance(
            text, None, problem, base, hide_parameters=True, dialect=connection.dialect
        ) from problem
    return cursor
