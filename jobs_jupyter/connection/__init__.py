"""Connections: name what jobs log in to once, and use it by that name.

A job that has a connection in its `connections` gets what it needs to log in as environment variables,
those that the official SDK reads. Credentials are kept encrypted, and are never shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs_jupyter.client.http import client as _client
from jobs_jupyter.models.connection import Connection, ConnectionType, DatabricksCredentials
from jobs_jupyter.models.connection import check_vault_name as _check_name
from jobs_jupyter.models.errors import ConnectionNotFoundError

__all__ = ["add", "get", "list", "remove", "test"]

_List = list


def add(name: str, credentials: DatabricksCredentials | Mapping[str, Any]) -> None:
    """Keep a connection, in the place of one of that name; the next run that asks for it gets it.

    Args:
        name: of the characters A-Z a-z 0-9 . _ -
        credentials: a model, or the fields of one: `host` with `token`, or with `client_id` and
            `client_secret`.

    Raises:
        TypeError: `name` or `credentials` is something else.
        ValueError: a field or the name is wrong; the value is not in the message.
        VaultError: it can't be kept.
    """
    if isinstance(credentials, Mapping):
        credentials = DatabricksCredentials.from_dict(credentials)
    if not isinstance(credentials, DatabricksCredentials):
        raise TypeError(f"add takes DatabricksCredentials, not {type(credentials).__name__}.")
    fields = {"host": credentials.host, **credentials.secrets()}
    if credentials.client_id is not None:
        fields["client_id"] = credentials.client_id
    kind = ConnectionType.DATABRICKS.value
    body = {"name": _check_name(name), "type": kind, "credentials": fields}
    _client.request("PUT", "/v1/connections", body=body)


def get(name: str) -> Connection:
    """Return a connection, without what it logs in with.

    Raises:
        ConnectionNotFoundError: there is no such name.
    """
    _check_name(name)
    there = {each.name: each for each in list()}
    if name not in there:
        names = ", ".join(there) or "none"
        raise ConnectionNotFoundError(f"There is no connection {name!r}; the connections: {names}.")
    return there[name]


def list() -> _List[Connection]:  # noqa: A001 - as in `jobs_jupyter.job`
    """Return all connections by name, without what they log in with."""
    found = _client.json("GET", "/v1/connections")["connections"]
    return [Connection.from_dict(each) for each in found]


def test(name: str) -> str | None:
    """Log in with a connection, and return who that is, as far as the host says.

    Raises:
        ConnectionNotFoundError: there is no such name.
        LoginError: the host can't be reached or refuses, and what to do.
    """
    answer = _client.json("POST", "/v1/connections/test", body={"name": _check_name(name)})
    user: str | None = answer["user"]
    return user


def remove(name: str) -> None:
    """Forget a connection. A run that asks for it and has not started yet will fail, and say why.

    Raises:
        ConnectionNotFoundError: there is no such name.
    """
    _client.request("POST", "/v1/connections/remove", body={"name": _check_name(name)})
