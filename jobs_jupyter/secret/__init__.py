"""Secrets: values by name, such as the password of a registry; kept encrypted, and never shown again."""

from __future__ import annotations

from jobs_jupyter.client.http import client as _client
from jobs_jupyter.models.connection import check_vault_name as _check_name
from jobs_jupyter.models.secret import Secret
from jobs_jupyter.models.secret import check_secret_value as _check_value
from jobs_jupyter.models.secret import check_username as _check_username

__all__ = ["list", "remove", "set"]

_List = list


def set(name: str, value: str, *, username: str | None = None) -> None:  # noqa: A001 - as on the command line
    """Keep a secret, in the place of one of that name.

    Args:
        name: of the characters A-Z a-z 0-9 . _ -
        value: a text of at most 65,536 bytes, such as a password or a token.
        username: of the login whose password `value` is.

    Raises:
        TypeError, ValueError: what of it is wrong; the value is not in the message.
        VaultError: it can't be kept.
    """
    body = {"name": _check_name(name), "value": _check_value(value), "username": _check_username(username)}
    _client.request("PUT", "/v1/secrets", body=body)


def list() -> _List[Secret]:  # noqa: A001 - as in `jobs_jupyter.job`
    """Return all secrets by name, without their values."""
    found = _client.json("GET", "/v1/secrets")["secrets"]
    return [Secret.from_dict(each) for each in found]


def remove(name: str) -> None:
    """Forget a secret.

    Raises:
        SecretNotFoundError: there is no such name.
    """
    _client.request("POST", "/v1/secrets/remove", body={"name": _check_name(name)})
