"""Connections and secrets are kept encrypted, survive a crash, and can't be moved to another name."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_jupyter.models.connection import ConnectionConfig, ConnectionType, DatabricksCredentials
from jobs_jupyter.models.errors import ConnectionNotFoundError, SecretNotFoundError, VaultError
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import keychain
from jobs_jupyter.service.vault import SecretValue, Vault

HOST = "https://lake.example.com"
TOKEN = "dapi-0123456789"
NOW = 1_800_000_000_000_000


def token(value: str = TOKEN, host: str = HOST) -> DatabricksCredentials:
    return DatabricksCredentials.from_dict({"host": host, "token": value})


def client(secret: str) -> DatabricksCredentials:
    return DatabricksCredentials.from_dict({"host": HOST, "client_id": "an-id", "client_secret": secret})


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path)
    vault = Vault(paths)
    vault.add_connection("lake", token(), NOW)
    vault.add_connection("bot", client("its-secret"), NOW)
    vault.set_secret("registry", SecretValue("its-password", "me"), NOW)
    vault.set_secret("plain", SecretValue("ä\n" * 100), NOW)
    vault.add_connection("lake", token("another-token"), NOW + 1_000_000)
    again = Vault(paths)
    assert again.credentials("lake").secrets() == {"token": "another-token"}
    assert again.credentials("bot") == client("its-secret")
    assert again.secret("registry") == SecretValue("its-password", "me")
    assert again.secret("plain") == SecretValue("ä\n" * 100)
    assert [(each.name, each.host, each.client_id) for each in again.connections()] == [
        ("bot", HOST, "an-id"),
        ("lake", HOST, None),
    ]
    assert [(each.name, each.username) for each in again.secrets()] == [("plain", None), ("registry", "me")]
    lake = again.find(ConnectionConfig(type=ConnectionType.DATABRICKS, name="lake"))
    assert (lake.updated_at - lake.created_at).total_seconds() == 1
    again.remove_connection("lake")
    again.remove_secret("plain")
    with pytest.raises(ConnectionNotFoundError, match=r"no connection 'lake'; the connections: bot\. Add it"):
        vault.credentials("lake")
    with pytest.raises(SecretNotFoundError, match=r"no secret 'plain'; the secrets: registry\. Set it"):
        vault.secret("plain")
    with pytest.raises(ConnectionNotFoundError):
        vault.remove_connection("lake")
    with pytest.raises(SecretNotFoundError):
        vault.remove_secret("plain")


def test_nothing_is_in_clear_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    vault = Vault(StatePaths(tmp_path))
    before = os.umask(0)
    try:
        vault.add_connection("lake", token(), NOW)
        vault.set_secret("one", SecretValue("its-password"), NOW)
        (tmp_path / "run").mkdir()
        vault.keep_masks(RunPaths(tmp_path / "run"), [TOKEN])
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"vault", "vault.key", "vault.lock", "masks"}
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600
        content = path.read_bytes()
        for value in (TOKEN.encode(), b"its-password"):
            assert value not in content
            assert base64.b64encode(value) not in content
    shown = repr((vault.secret("one"), vault.credentials("lake"), vault.connections(), vault.secrets()))
    assert "its-password" not in shown
    assert TOKEN not in shown


@settings(max_examples=30)
@given(st.text(min_size=1).filter(lambda text: "\0" not in text and text.isprintable()))
def test_any_value(value: str) -> None:
    with TemporaryDirectory() as folder:
        vault = with_key_file(Path(folder))
        vault.set_secret("name", SecretValue(value), NOW)
        assert vault.secret("name").value == value


def test_a_value_belongs_to_its_name_and_its_host(tmp_path: Path) -> None:
    """Who can change the file can't have a value sent to another host, or used in another's place."""
    vault = with_key_file(tmp_path)
    vault.add_connection("lake", token(), NOW)
    vault.add_connection("other", token("another-token"), NOW)
    whole = (tmp_path / "vault").read_text()
    content = json.loads(whole)
    content["connections"]["lake"]["about"]["host"] = "https://attacker.example.com"
    content["connections"]["other"]["sealed"] = content["connections"]["lake"]["sealed"]
    (tmp_path / "vault").write_text(json.dumps(content))
    for name in ("lake", "other"):
        with pytest.raises(VaultError, match="can't be decrypted"):
            vault.credentials(name)
    assert [each.name for each in vault.connections()] == ["lake", "other"]
    vault.add_connection("lake", token(), NOW)
    assert vault.credentials("lake") == token()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '"vault"', "{}"])
def test_a_file_that_can_not_be_read_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    (tmp_path / "vault").write_text(content)
    vault = with_key_file(tmp_path)
    with pytest.raises(VaultError, match=r"vault, which holds connections and secrets, can't be read"):
        vault.set_secret("name", SecretValue("value"), NOW)
    assert (tmp_path / "vault").read_text() == content


def test_a_key_that_is_gone_or_another_one(tmp_path: Path) -> None:
    with_key_file(tmp_path).set_secret("name", SecretValue("its-password"), NOW)
    key = tmp_path / "vault.key"
    key.write_text(base64.b64encode(b"1" * 32).decode())
    with pytest.raises(VaultError, match=r"its key is another one\. Add it again"):
        Vault(StatePaths(tmp_path)).secret("name")
    for broken in ("", "not base64!", base64.b64encode(b"short").decode()):
        key.write_text(broken)
        with pytest.raises(VaultError, match=r"vault\.key, can't be read"):
            Vault(StatePaths(tmp_path)).secret("name")
    key.unlink()
    with pytest.raises(VaultError, match=r"Put it back"):
        Vault(StatePaths(tmp_path)).secret("name")
    assert [each.name for each in Vault(StatePaths(tmp_path)).secrets()] == ["name"], "names need no key"
    Vault(StatePaths(tmp_path)).remove_secret("name")


# --- crashes and other writers ----------------------------------------------------------------------

DIES = """
    import os, signal, sys
    from pathlib import Path
    from jobs_jupyter.models.paths import StatePaths
    from jobs_jupyter.service.vault import SecretValue, Vault

    steps, seen = int(sys.argv[2]), 0

    def deadly(module, name):
        real = getattr(module, name)
        def call(*args, **more):
            global seen
            seen += 1
            if seen > steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)
        setattr(module, name, call)

    for name in ("open", "fsync", "unlink", "rename"):
        deadly(os, name)
    Vault(StatePaths(Path(sys.argv[1]))).set_secret("name", SecretValue("new"), 0)
"""


@pytest.mark.parametrize("had_one", [False, True])
def test_killed_between_any_two_steps(tmp_path: Path, had_one: bool) -> None:
    """What is there is the old or the new, and the next write works."""
    outcomes = set()
    for steps in range(40):
        home = tmp_path / str(steps)
        home.mkdir()
        if had_one:
            with_key_file(home).set_secret("name", SecretValue("old"), NOW)
        died = run(DIES, str(home), str(steps), PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
        vault = Vault(StatePaths(home))
        found = [vault.secret(each.name).value for each in vault.secrets()]
        assert found in ([["old"], ["new"]] if had_one else [[], ["new"]])
        outcomes.add(tuple(found))
        vault.set_secret("name", SecretValue("newer"), NOW)
        assert Vault(StatePaths(home)).secret("name").value == "newer"
        if died.returncode == 0:
            assert steps > 3
            assert len(outcomes) == 2
            return
        assert died.returncode == -signal.SIGKILL, died.stderr
    raise AssertionError("it always died")


WRITES = """
    import sys
    from pathlib import Path
    from jobs_jupyter.models.paths import StatePaths
    from jobs_jupyter.service.vault import SecretValue, Vault

    vault = Vault(StatePaths(Path(sys.argv[1])))
    for number in range(25):
        vault.set_secret(f"{sys.argv[2]}-{number}", SecretValue(f"value {number}"), 0)
"""


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    """They also make the key, both at once."""
    both = [start(WRITES, str(tmp_path), name) for name in ("a", "b")]
    problems = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], problems
    vault = Vault(StatePaths(tmp_path))
    assert len(vault.secrets()) == 50
    assert {vault.secret(each.name).value for each in vault.secrets()} == {f"value {n}" for n in range(25)}


# --- the key in a keyring ---------------------------------------------------------------------------

BACKEND = '''
"""A keyring in a file; or one that waits for somebody to unlock it."""
import json, os, pathlib, time
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    priority = 9
    file = pathlib.Path(os.environ["A_KEYRING"])

    def known(self):
        if self.file.with_name("locked").exists():
            time.sleep(600)
        return json.loads(self.file.read_text()) if self.file.exists() else {}

    def get_password(self, service, name):
        return self.known().get(f"{service} {name}")

    def set_password(self, service, name, key):
        self.file.write_text(json.dumps({**self.known(), f"{service} {name}": key}))
'''


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A keyring that works; the file in which it is."""
    (tmp_path / "a_keyring.py").write_text(BACKEND)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "a_keyring.Keyring")
    monkeypatch.setenv("A_KEYRING", str(tmp_path / "keys"))
    monkeypatch.setattr(keychain, "WAIT_S", 2.0)
    return tmp_path / "keys"


def test_the_key_is_in_the_keyring_where_one_works(tmp_path: Path, keyring: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    Vault(StatePaths(home)).set_secret("name", SecretValue("its-password"), NOW)
    assert not (home / "vault.key").exists()
    assert keyring.exists()
    assert Vault(StatePaths(home)).secret("name").value == "its-password"
    keyring.write_text("{}")
    with pytest.raises(VaultError, match=r"in the system's keyring, and the keyring does not have it"):
        Vault(StatePaths(home)).secret("name")
    (tmp_path / "locked").touch()
    locked = Vault(StatePaths(home))
    with pytest.raises(VaultError, match=r"did not answer within 2 s; it may be locked\. Unlock"):
        locked.secret("name")
    with pytest.raises(VaultError, match="it may be locked"):
        locked.set_secret("other", SecretValue("value"), NOW)
    assert not (home / "vault.key").exists(), "a second key would be of no use"


def test_a_keyring_that_asks_somebody_is_not_waited_for(tmp_path: Path, keyring: Path) -> None:
    (tmp_path / "locked").touch()
    home = tmp_path / "home"
    home.mkdir()
    Vault(StatePaths(home)).set_secret("name", SecretValue("its-password"), NOW)
    assert (home / "vault.key").exists()
    (tmp_path / "locked").unlink()
    assert Vault(StatePaths(home)).secret("name").value == "its-password", "the key stays where it is"
    assert not keyring.exists()


@pytest.mark.parametrize(
    "backend", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring", "no.Such"]
)
def test_without_a_keyring_that_works_the_key_is_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", backend)
    Vault(StatePaths(tmp_path)).set_secret("name", SecretValue("its-password"), NOW)
    assert (tmp_path / "vault.key").exists()
    assert Vault(StatePaths(tmp_path)).secret("name").value == "its-password"


# --- means ------------------------------------------------------------------------------------------


def with_key_file(home: Path) -> Vault:
    """A vault whose key is in a file already: then no keyring is asked."""
    key = home / "vault.key"
    if not key.exists():
        key.write_text(base64.b64encode(b"0" * 32).decode())
    return Vault(StatePaths(home))


def start(code: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env={**os.environ, **variables},
        stderr=subprocess.PIPE,
        text=True,
    )


def run(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    process = start(code, *arguments, **variables)
    _, problem = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, stderr=problem)
