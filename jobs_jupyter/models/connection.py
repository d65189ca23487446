"""Connections to services of third parties, by name."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, SecretStr

from jobs_jupyter.models.base import Model, NameEnum, StatusModel, Text, Time

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_LONGEST_NAME = 128
_LOOPBACK = re.compile(r"localhost|127\.[0-9.]+|::1")


def _connection_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be made of the characters A-Z a-z 0-9 . _ -")
    return value


def check_vault_name(value: object) -> str:
    """Return the name of a connection or a secret; a `TypeError` or `ValueError` where it is none."""
    if not isinstance(value, str):
        raise TypeError(f"name must be a string, not {value!r}.")
    if not _NAME.fullmatch(value) or len(value) > _LONGEST_NAME:
        raise ValueError(
            f"name={value[:200]!r}: must be made of 1 to {_LONGEST_NAME} of the characters A-Z a-z 0-9 . _ -."
        )
    return value


def _host(value: str) -> str:
    """Return `https://NAME[:PORT]`, which is all that a workspace's address has."""
    given = value.strip().rstrip("/")
    try:
        found = urlsplit(given if "://" in given else f"https://{given}")
        port = found.port
    except ValueError:
        raise ValueError("must be an address such as https://NAME.cloud.databricks.com") from None
    if not found.hostname or found.path or found.query or found.fragment or "@" in found.netloc:
        raise ValueError(
            "must be an address such as https://NAME.cloud.databricks.com, and nothing behind it"
        )
    if found.scheme != "https" and not (found.scheme == "http" and _LOOPBACK.fullmatch(found.hostname)):
        raise ValueError("must begin with https://, since credentials are sent there")
    name = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
    return f"{found.scheme}://{name}" + (f":{port}" if port is not None else "")


def _credential(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise ValueError("must not be empty")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must have no spaces, line breaks or characters other than ASCII")
    return value


class ConnectionType(NameEnum):
    """Type of third-party connection."""

    DATABRICKS = "DATABRICKS"  # Unity Catalog


class ConnectionConfig(Model):
    """A connection whose credentials the job gets."""

    type: ConnectionType = Field(description="The type of the connection, in any case.")
    name: Annotated[str, AfterValidator(_connection_name)] = Field(
        description="The name that it was added under."
    )


class DatabricksCredentials(Model):
    """How to log in to a Databricks workspace: with a `token`, or with `client_id` and `client_secret`.

    The token and the client's secret are shown in no repr, dict or error.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    host: Annotated[str, AfterValidator(_host)]  # https://NAME.cloud.databricks.com
    token: Annotated[SecretStr, AfterValidator(_credential)] | None = None
    client_id: Text | None = None  # of a service principal
    client_secret: Annotated[SecretStr, AfterValidator(_credential)] | None = None

    def _check(self) -> None:
        client = self.client_id is not None, self.client_secret is not None
        if self.token is not None and any(client):
            raise ValueError("token excludes client_id and client_secret; give one way to log in")
        if self.token is None and not any(client):
            raise ValueError("token is missing; give token, or client_id and client_secret")
        if client == (True, False):
            raise ValueError("client_secret is missing; client_id needs it")
        if client == (False, True):
            raise ValueError("client_id is missing; client_secret needs it")

    def secrets(self) -> dict[str, str]:
        """Return what must not be shown, by the names of the fields, in clear."""
        found = {"token": self.token, "client_secret": self.client_secret}
        return {name: value.get_secret_value() for name, value in found.items() if value is not None}


class Connection(StatusModel):
    """A connection as it is shown: everything but what must stay secret."""

    name: str
    type: ConnectionType
    host: str
    client_id: str | None = None  # None: it logs in with a token
    created_at: Time
    updated_at: Time
