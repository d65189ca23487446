"""The key of the vault: in the system's keyring where one works, else in a file of mode 0600.

Where it is, is written down beside what it encrypts, so that a keyring that comes or goes later
changes nothing.
"""

from __future__ import annotations

import base64
import secrets

from jobs_jupyter.models.errors import VaultError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import durable, keychain

KEY_BYTES = 32  # AES-256
_FILE = "file"
_KEYRING = "keyring:"


class VaultKey:
    """Makes a key once, and finds it again by what `make` has said of it."""

    def __init__(self, paths: StatePaths) -> None:
        self._file = paths.vault_key
        self._known: dict[str, bytes] = {}

    def make(self) -> str:
        """Return where the key is, which is made where there is none; one at a time."""
        if self._file.exists():
            return _FILE
        name, key = secrets.token_hex(8), _text(secrets.token_bytes(KEY_BYTES))
        if keychain.store(name, key):
            return _KEYRING + name
        durable.replace(self._file, key.encode())
        return _FILE

    def load(self, where: str) -> bytes:
        """Return the key.

        Raises:
            VaultError: it is gone, or the keyring does not give it.
        """
        if where not in self._known:
            self._known[where] = self._from_keyring(where) if where != _FILE else self._from_file()
        return self._known[where]

    def _from_file(self) -> bytes:
        try:
            return _key(self._file.read_text())
        except (OSError, ValueError) as problem:
            raise VaultError(
                f"The key of connections and secrets, {self._file}, can't be read: "
                f"{type(problem).__name__}. Put it back; without it, move {self._file.parent / 'vault'} away "
                "and add them again."
            ) from None

    def _from_keyring(self, where: str) -> bytes:
        found, problem = keychain.fetch(where.removeprefix(_KEYRING))
        if found is None:
            raise VaultError(
                f"The key of connections and secrets is in the system's keyring, and {problem}. "
                "Unlock the keyring and try again."
            )
        return _key(found)


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _key(text: str) -> bytes:
    found = base64.b64decode(text.strip(), validate=True)
    if len(found) != KEY_BYTES:
        raise ValueError("a key of another length")
    return found
