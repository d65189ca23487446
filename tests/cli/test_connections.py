"""`jupyter jobs connection` and `secret`: values come from a hidden prompt, a pipe or a variable."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import secret
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service.vault import SecretValue, Vault
from tests.cli.conftest import Call
from tests.cli.program import PROGRAM, Terminal, cli
from tests.workspace import CLIENT_ID, CLIENT_SECRET, TOKEN, workspace

ADD = ("connection", "add", "lake", "--type", "databricks", "--host")
HOST = "https://lake.cloud.databricks.com"


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a text on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_from_adding_to_removing(service: Path, call: Call, piped: Callable[[str], None]) -> None:
    with workspace() as lake:
        piped(f"{TOKEN}\n")
        done = call(*ADD, lake.url, "--token-stdin")
        assert (done.code, done.out, done.err) == (0, "lake is kept\n", "")
        shown = call("connection", "list").out.splitlines()
        assert shown[0].split() == ["NAME", "TYPE", "HOST", "LOGS", "IN", "WITH", "CHANGED"]
        assert shown[1].split()[:4] == ["lake", "databricks", lake.url, "token"]
        assert call("connection", "test", "lake").out == "lake logs in as me@example.com\n"
        assert call("connection", "test", "lake", "--json").json["user"] == "me@example.com"
        lake.tokens.clear()
        refused = call("connection", "test", "lake")
        assert (refused.code, refused.out) == (1, "")
        assert "refuses the token: HTTP 403" in refused.err
    listed = call("connection", "list", "--json")
    assert [(each["name"], each["host"], "token" in each) for each in listed.json] == [
        ("lake", lake.url, False)
    ]
    assert call("connection", "remove", "lake").out == "lake is removed\n"
    gone = call("connection", "remove", "lake")
    assert (gone.code, gone.out) == (1, "")
    assert "There is no connection 'lake'; the connections: none." in gone.err


def test_where_the_value_comes_from(
    service: Path, call: Call, piped: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(StatePaths(service))
    piped(TOKEN)  # a pipe needs no option
    assert call(*ADD, HOST).code == 0
    assert vault.credentials("lake").secrets() == {"token": TOKEN}
    monkeypatch.setenv("THE_SECRET", CLIENT_SECRET)
    done = call(*ADD, HOST, "--client-id", CLIENT_ID, "--client-secret-env", "THE_SECRET", "--json")
    assert done.json == {"name": "lake"}
    assert vault.credentials("lake").client_id == CLIENT_ID
    assert vault.credentials("lake").secrets() == {"client_secret": CLIENT_SECRET}
    piped("first line\r\nsecond line\r\n")
    assert call("secret", "set", "plain").code == 0
    assert vault.secret("plain") == SecretValue("first line\r\nsecond line")


def test_on_a_terminal_it_is_asked_for_and_not_shown(service: Path) -> None:
    vault = Vault(StatePaths(service))
    with Terminal(*ADD, HOST) as terminal:
        terminal.shows("Token (it is not shown): ")
        terminal.press(f"{TOKEN}\n")
        terminal.shows("lake is kept")
        assert terminal.ends() == 0
        assert TOKEN not in terminal.raw
    assert vault.credentials("lake").secrets() == {"token": TOKEN}
    with Terminal("secret", "set", "registry", "--username", "me") as terminal:
        terminal.shows("Password of me (it is not shown): ")
        terminal.press("its-password\n")
        terminal.shows("registry is kept")
        assert "its-password" not in terminal.raw
    assert vault.secret("registry") == SecretValue("its-password", "me")
    with Terminal(*ADD, HOST) as terminal:
        terminal.shows("Token (it is not shown): ")
        terminal.press("\x03\n")  # Python may miss the signal just before it reads; not the line
        assert terminal.ends() == 130
    with Terminal("connection", "list") as terminal:
        terminal.shows("lake")
        assert terminal.ends() == 0
        assert TOKEN not in terminal.raw


def test_secrets_by_the_program(service: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "secret", "set", "registry", "--username", "me"],
        input="its-password\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("registry is kept\n", "")
    assert cli("secret", "list").stdout.splitlines()[1].split()[:2] == ["registry", "me"]
    assert [each.username for each in secret.list()] == ["me"]
    assert cli("secret", "remove", "registry").stdout == "registry is removed\n"
    cli_set = subprocess.run([PROGRAM, "secret", "set", "registry"], input="x" * 9, text=True, check=True)
    assert cli_set.returncode == 0
    slip = cli("secret", "remove", "regsitry")
    assert slip.stderr.endswith("the secrets: registry. Did you mean registry?\n")
    assert cli("secret", "remove", "registry").returncode == 0
    gone = cli("secret", "remove", "registry")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "There is no secret 'registry'" in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("connection", "add", "lake", "--type", "oracle", "--host", HOST), "there is no 'oracle'"),
        (("connection", "add", "lake", "--type", "databricks"), "--host"),
        ((*ADD, HOST, "--token", TOKEN), "there is no option --token; did you mean --token-"),
        ((*ADD, HOST, "--token-env", "NOT_SET"), "there is no such variable, or it is empty"),
        ((*ADD, HOST, "--token-env", "A", "--token-stdin"), "not allowed with"),
        ((*ADD, HOST, "--client-id", "i", "--token-stdin"), "--token-stdin and --client-id exclude"),
        ((*ADD, HOST, "--client-secret-env", "A"), "--client-secret-env is for --client-id"),
        ((*ADD, HOST), "the token is empty"),
        ((*ADD, "http://lake.example.com", "--token-env", "TOKEN"), "host: must begin with https://"),
        ((*ADD[:2], "a b", *ADD[3:], HOST, "--token-env", "TOKEN"), "must be made of"),
        (("secret", "set", "name"), "the value is empty"),
        (("secret", "set", "name", "its-password"), "'its-password' is one word too many"),
        (("secret", "set", "name", "--username", "a:b", "--value-env", "TOKEN"), "username='a:b'"),
    ],
)
def test_wrong_usage(
    service: Path,
    refused: Callable[..., str],
    piped: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    piped("")
    monkeypatch.setenv("TOKEN", TOKEN)
    assert said in refused(*arguments)
