"""Secrets: set, listed and removed, and never shown again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import secret
from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import InvalidRequestError, SecretNotFoundError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.vault import SecretValue, Vault

VALUE = "the-password-of-the-registry"


def test_what_is_shown_of_them(service: Path) -> None:
    assert secret.list() == []
    secret.set("registry", VALUE, username="me")
    secret.set("plain", VALUE)
    assert [(each.name, each.username) for each in secret.list()] == [("plain", None), ("registry", "me")]
    secret.set("plain", f"{VALUE}-2", username="somebody")
    assert [(each.name, each.username) for each in secret.list()] == [
        ("plain", "somebody"),
        ("registry", "me"),
    ]
    vault = Vault(StatePaths(service))
    assert vault.secret("registry") == SecretValue(VALUE, "me")
    assert vault.secret("plain") == SecretValue(f"{VALUE}-2", "somebody")
    secret.remove("plain")
    with pytest.raises(SecretNotFoundError, match=r"no secret 'plain'; the secrets: registry\."):
        secret.remove("plain")
    assert VALUE not in client.request("GET", "/v1/secrets").text
    assert [
        path for path in service.rglob("*") if path.is_file() and VALUE.encode() in path.read_bytes()
    ] == []


@pytest.mark.parametrize(
    ("value", "username", "said"),
    [
        ("", None, "is empty"),
        (f"{VALUE}\0", None, "NUL"),
        (f"{VALUE}\ud800", None, "no text"),
        (VALUE * 3000, None, "84000 bytes; a secret has at most 65536"),
        (3, None, "must be a string, not a int"),
        (VALUE, "a:b", "username='a:b'"),
        (VALUE, " ", "must not be blank"),
        (VALUE, 3, "username must be a string, not 3"),
    ],
)
def test_wrong_arguments_here_and_there(service: Path, value: Any, username: Any, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said) as refused:
        secret.set("name", value, username=username)
    assert VALUE not in str(refused.value)
    with pytest.raises(InvalidRequestError, match=said) as refused_there:
        client.request("PUT", "/v1/secrets", body={"name": "name", "value": value, "username": username})
    assert VALUE not in str(refused_there.value)
    assert secret.list() == []
