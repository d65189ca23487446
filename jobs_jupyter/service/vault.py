"""Connections and secrets, encrypted in one file; and what of a run's log is not to be shown.

Each value is encrypted by itself (AES-256-GCM), and what is said of it in clear (its name, its host) is
authenticated with it: a value can't be moved to another name, nor be sent to another host. The file is
replaced as a whole, under a lock. Nothing here keeps a value in memory; the key is kept.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from jobs_jupyter.models.connection import Connection, ConnectionConfig, ConnectionType, DatabricksCredentials
from jobs_jupyter.models.errors import ConnectionNotFoundError, SecretNotFoundError, VaultError
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.models.secret import Secret
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.service import durable
from jobs_jupyter.service.clock import iso
from jobs_jupyter.service.masking import Masks
from jobs_jupyter.service.vault_key import VaultKey

CONNECTIONS, SECRETS = "connections", "secrets"
FORMAT = 1
NONCE_BYTES = 12

Content = dict[str, Any]


@dataclass(frozen=True)
class SecretValue:
    """A secret in clear: a login's password where it has a user name."""

    value: str = field(repr=False)
    username: str | None = None


class Vault:
    """The connections and secrets of one state directory."""

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths
        self._key = VaultKey(paths)

    def connections(self) -> list[Connection]:
        """Return what is known of all connections but their values, by name."""
        return [Connection.from_dict(about) for about in self._about(CONNECTIONS)]

    def secrets(self) -> list[Secret]:
        """Return what is known of all secrets but their values, by name."""
        return [Secret.from_dict(about) for about in self._about(SECRETS)]

    def add_connection(self, name: str, credentials: DatabricksCredentials, now: int) -> Connection:
        """Keep a connection, in the place of one of that name; `now` is in microseconds."""
        shown = {
            "type": ConnectionType.DATABRICKS.value,
            "host": credentials.host,
            "client_id": credentials.client_id,
        }
        return Connection.from_dict(self._put(CONNECTIONS, name, shown, credentials.secrets(), now))

    def set_secret(self, name: str, secret: SecretValue, now: int) -> Secret:
        """Keep a secret, in the place of one of that name; `now` is in microseconds."""
        shown = {"username": secret.username}
        return Secret.from_dict(self._put(SECRETS, name, shown, {"value": secret.value}, now))

    def remove_connection(self, name: str) -> None:
        """Forget a connection. ConnectionNotFoundError: there is none of that name."""
        with self._changing() as content:
            if content[CONNECTIONS].pop(name, None) is None:
                raise self._no_connection(name, content)

    def remove_secret(self, name: str) -> None:
        """Forget a secret. SecretNotFoundError: there is none of that name."""
        with self._changing() as content:
            if content[SECRETS].pop(name, None) is None:
                raise self._no_secret(name, content)

    def find(self, wanted: ConnectionConfig) -> Connection:
        """Return a connection that a job asks for. ConnectionNotFoundError: there is none like that."""
        content = self._read()
        entry = content[CONNECTIONS].get(wanted.name)
        if entry is None or entry["about"]["type"] != wanted.type:
            raise self._no_connection(wanted.name, content)
        return Connection.from_dict(entry["about"])

    def credentials(self, name: str) -> DatabricksCredentials:
        """Return a connection's credentials.

        Raises:
            ConnectionNotFoundError: there is no such connection.
            VaultError: they can't be decrypted.
        """
        content = self._read()
        if name not in content[CONNECTIONS]:
            raise self._no_connection(name, content)
        about, values = self._opened(content, CONNECTIONS, name)
        shown = {key: about[key] for key in ("host", "client_id") if about[key] is not None}
        return DatabricksCredentials.from_dict({**shown, **values})

    def secret(self, name: str) -> SecretValue:
        """Return a secret.

        Raises:
            SecretNotFoundError: there is no such secret.
            VaultError: it can't be decrypted.
        """
        content = self._read()
        if name not in content[SECRETS]:
            raise self._no_secret(name, content)
        about, values = self._opened(content, SECRETS, name)
        return SecretValue(values["value"], about["username"])

    def keep_masks(self, paths: RunPaths, values: Iterable[str]) -> None:
        """Note, durably and encrypted, what is not to be shown of a run's log; before the run starts."""
        where = self._read()["key"] or self._new_key()
        sealed = self._sealed(where, ["masks", paths.root.name], list(values))
        durable.replace(paths.masks, json.dumps({"key": where, "sealed": sealed}).encode())

    def masks(self, paths: RunPaths) -> Masks:
        """Return what is not to be shown of a run's log.

        Raises:
            FileNotFoundError: everything may be.
            VaultError: it can't be decrypted.
        """
        try:
            kept = json.loads(paths.masks.read_bytes())
            values = self._unsealed(kept["key"], ["masks", paths.root.name], kept["sealed"])
        except (VaultError, ValueError, KeyError, TypeError) as problem:
            raise VaultError(
                f"The log of {paths.root.name} can't be shown, since what is secret in it can't be told: "
                f"{problem}"
            ) from None
        return Masks(values)

    # --- the file -----------------------------------------------------------------------------------

    def _about(self, kind: str) -> list[dict[str, Any]]:
        return [entry["about"] for _, entry in sorted(self._read()[kind].items())]

    def _put(
        self, kind: str, name: str, shown: dict[str, Any], values: dict[str, str], now: int
    ) -> dict[str, Any]:
        with self._changing() as content:
            content["key"] = content["key"] or self._key.make()
            before = content[kind].get(name, {"about": {"created_at": iso(now)}})["about"]
            about = {"name": name, **shown, "created_at": before["created_at"], "updated_at": iso(now)}
            sealed = self._sealed(content["key"], [kind, about], values)
            content[kind][name] = {"about": about, "sealed": sealed}
        return about

    def _opened(self, content: Content, kind: str, name: str) -> tuple[dict[str, Any], dict[str, str]]:
        entry = content[kind][name]
        try:
            values = self._unsealed(content["key"], [kind, entry["about"]], entry["sealed"])
        except ValueError:
            raise VaultError(
                f"{name!r} of the {kind} can't be decrypted: {self._paths.vault} was changed, or its key "
                "is another one. Add it again."
            ) from None
        return entry["about"], values

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Content]:
        """Read the file, let its content be changed, and write it; one writer at a time."""
        with open(os.open(self._paths.vault_lock, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self._read()
            yield content
            durable.replace(self._paths.vault, json.dumps(content, indent=1).encode())

    def _read(self) -> Content:
        try:
            content: Content = json.loads(self._paths.vault.read_bytes())
            if content["format"] > FORMAT:
                raise ValueError("a newer version of jobs_jupyter wrote it")
        except FileNotFoundError:
            return {"format": FORMAT, "key": None, CONNECTIONS: {}, SECRETS: {}}
        except (ValueError, KeyError, TypeError) as problem:
            raise VaultError(
                f"{self._paths.vault}, which holds connections and secrets, can't be read: {problem}. "
                "Put back a copy of it, or move it away and add them again."
            ) from None
        return content

    def _new_key(self) -> str:
        with self._changing() as content:
            content["key"] = content["key"] or self._key.make()
            return str(content["key"])

    # --- encryption ---------------------------------------------------------------------------------

    def _sealed(self, where: str, about: object, values: object) -> str:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # late: few starts have a use for it

        nonce = os.urandom(NONCE_BYTES)
        text = AESGCM(self._key.load(where)).encrypt(nonce, json.dumps(values).encode(), _bound(about))
        return base64.b64encode(nonce + text).decode()

    def _unsealed(self, where: str, about: object, sealed: str) -> Any:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        content = base64.b64decode(sealed)
        nonce, text = content[:NONCE_BYTES], content[NONCE_BYTES:]
        try:
            return json.loads(AESGCM(self._key.load(where)).decrypt(nonce, text, _bound(about)))
        except InvalidTag:
            raise ValueError("it does not fit the key") from None

    # --- what is wrong ------------------------------------------------------------------------------

    def _no_connection(self, name: str, content: Content) -> ConnectionNotFoundError:
        return ConnectionNotFoundError(
            f"There is no connection {name!r}; the connections: {_names(content[CONNECTIONS])}. "
            + _hint(
                name,
                content[CONNECTIONS],
                f"Add it with: jupyter jobs connection add {name} --type databricks --host HOST",
            )
        )

    def _no_secret(self, name: str, content: Content) -> SecretNotFoundError:
        return SecretNotFoundError(
            f"There is no secret {name!r}; the secrets: {_names(content[SECRETS])}. "
            + _hint(name, content[SECRETS], f"Set it with: jupyter jobs secret set {name}")
        )


def _hint(name: str, entries: dict[str, Any], otherwise: str) -> str:
    near = nearest(name, entries)
    return f"Did you mean {near}?" if near else otherwise


def _bound(about: object) -> bytes:
    return json.dumps(about, sort_keys=True).encode()


def _names(entries: dict[str, Any]) -> str:
    return ", ".join(sorted(entries)) or "none"
