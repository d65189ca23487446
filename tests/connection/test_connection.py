"""Connections: added, listed, tested and removed, and never shown again."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs_jupyter import connection, job
from jobs_jupyter.client.http import client
from jobs_jupyter.connection.models import DatabricksCredentials
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.errors import (
    ConnectionNotFoundError,
    InvalidRequestError,
    LoginError,
)
from tests.workspace import CLIENT_ID, CLIENT_SECRET, TOKEN, workspace

HOST = "https://lake.cloud.databricks.com"
BY_CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def test_what_is_shown_of_them(service: Path) -> None:
    assert connection.list() == []
    connection.add("lake", {"host": "lake.cloud.databricks.com/", "token": TOKEN})
    connection.add("bot", DatabricksCredentials.from_dict({"host": HOST, **BY_CLIENT}))
    lake, bot = connection.get("lake"), connection.get("bot")
    assert connection.list() == [bot, lake]
    assert (lake.type, lake.host, lake.client_id) == ("DATABRICKS", HOST, None)
    assert (bot.host, bot.client_id) == (HOST, CLIENT_ID)
    answers = [repr(connection.list()), client.request("GET", "/v1/connections").text]
    connection.add("lake", {"host": "https://other.example.com:8443", "token": "another-token"})
    assert connection.get("lake").host == "https://other.example.com:8443"
    connection.remove("lake")
    for ask in (connection.get, connection.remove, connection.test):
        with pytest.raises(ConnectionNotFoundError, match=r"no connection 'lake'; the connections: bot\."):
            ask("lake")
    answers += [(service / name).read_text() for name in ("service.log", "vault")]
    assert not [text for text in answers if TOKEN in text or CLIENT_SECRET in text]
    assert not [path for path in service.glob("jobs.db*") if TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "host"),
        ({"host": HOST}, "token is missing; give token, or client_id and client_secret"),
        ({"host": HOST, "token": TOKEN, **BY_CLIENT}, "token excludes client_id and client_secret"),
        ({"host": HOST, "token": TOKEN, "client_id": "x"}, "token excludes client_id"),
        ({"host": HOST, "client_id": "an-id"}, "client_secret is missing; client_id needs it"),
        ({"host": HOST, "client_secret": CLIENT_SECRET}, "client_id is missing; client_secret needs it"),
        ({"host": HOST, "token": ""}, "token\n  must not be empty"),
        ({"host": HOST, "token": f"{TOKEN}\n"}, "token\n  must have no spaces, line breaks"),
        ({"host": HOST, "token": 1}, "token"),
        ({"host": HOST, "tokne": TOKEN}, "did you mean token"),
        ({"host": "http://lake.example.com", "token": TOKEN}, "must begin with https://"),
        ({"host": f"{HOST}/login", "token": TOKEN}, "nothing behind it"),
        ({"host": "https://me:pw@lake.example.com", "token": TOKEN}, "must be an address"),
        ({"host": "https://lake.example.com:port", "token": TOKEN}, "must be an address"),
        ({"host": "", "token": TOKEN}, "must be an address"),
    ],
)
def test_wrong_fields_are_named_and_values_are_not(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        connection.add("lake", fields)
    assert said in str(refused.value)
    for shown in (str(refused.value), repr(refused.value.errors()), refused.value.json()):
        assert TOKEN not in shown
        assert CLIENT_SECRET not in shown


def test_the_model_shows_no_value() -> None:
    credentials = DatabricksCredentials.from_dict({"host": "http://127.0.0.1:80", "token": TOKEN})
    assert TOKEN not in f"{credentials!r} {credentials} {credentials.to_dict()}"
    assert credentials.host == "http://127.0.0.1:80"
    assert credentials.secrets() == {"token": TOKEN}


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="add takes DatabricksCredentials, not str"):
        connection.add("lake", "token")  # type: ignore[arg-type]
    for name in ("", "a b", "a/b", "ä", "x" * 129):
        with pytest.raises(ValueError, match="must be made of 1 to 128"):
            connection.remove(name)
    with pytest.raises(TypeError, match="name must be a string, not 3"):
        connection.test(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"type": "DATABRICKS", "credentials": {"host": HOST, "token": TOKEN}}, "name must be a string"),
        ({"name": "x", "credentials": {"host": HOST, "token": TOKEN}}, "type: None is unknown; use one of"),
        (
            {"name": "x", "type": "oracle", "credentials": {}},
            "type: 'oracle' is unknown; use one of DATABRICKS",
        ),
        ({"name": "x", "type": "databricks", "credentials": TOKEN}, "credentials must be an object"),
        ({"name": "x", "type": "databricks", "credentials": {"host": HOST, "token": [TOKEN]}}, "token"),
    ],
)
def test_the_service_refuses_by_itself(service: Path, body: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said) as refused:
        client.request("PUT", "/v1/connections", body=body)
    assert TOKEN not in str(refused.value)


def test_names_that_paths_have(service: Path) -> None:
    for name in (".", "..", "vault", "a" * 128):
        connection.add(name, {"host": HOST, "token": TOKEN})
        assert connection.get(name).name == name
        connection.remove(name)


# --- logging in -------------------------------------------------------------------------------------


def test_logging_in(service: Path) -> None:
    with workspace() as lake:
        connection.add("by-token", {"host": lake.url, "token": TOKEN})
        connection.add("by-client", {"host": lake.url, **BY_CLIENT})
        assert connection.test("by-token") == "me@example.com"
        assert connection.test("by-client") == CLIENT_ID
        lake.tokens.clear()
        with pytest.raises(LoginError, match=r"refuses the token: HTTP 403 \(\*+ is no token here\)") as no:
            connection.test("by-token")
        assert TOKEN not in str(no.value)
        connection.add("wrong", {"host": lake.url, "client_id": CLIENT_ID, "client_secret": "wrong-one"})
        refusal = (
            r"refuses the client id and its secret: HTTP 401 \(Client authentication failed\)\. Make new"
        )
        with pytest.raises(LoginError, match=refusal):
            connection.test("wrong")
    with pytest.raises(LoginError, match=rf"{lake.url} can't be reached: .*\. Check the host"):
        connection.test("by-token")


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 302 Found\r\nLocation: /login\r\n", b"HTTP/1.1 200 OK\r\n", b"x"]
)
def test_a_host_that_is_no_workspace(service: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection.add("lake", {"host": f"http://127.0.0.1:{server.getsockname()[1]}", "token": TOKEN})
        server.settimeout(20)

        def serve() -> None:
            with server.accept()[0] as peer:
                peer.recv(65536)
                peer.sendall(answer + b"Content-Length: 4\r\nConnection: close\r\n\r\nhtml")

        serving = threading.Thread(target=serve)
        serving.start()
        with pytest.raises(LoginError, match=r"does not answer like a Databricks workspace|can't be reached"):
            connection.test("lake")
        serving.join()


# --- submitting -------------------------------------------------------------------------------------


def test_refused_at_submit_before_anything_is_packaged(service: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("not to be packaged")
    config = JobConfig(entrypoint="true", working_dir=str(tmp_path))
    wanted = {"type": "databricks", "name": "lake"}
    with pytest.raises(
        ConnectionNotFoundError, match=r"no connection 'lake'; the connections: none\. Add it"
    ):
        job.submit(config.options(connections=[wanted]))
    connection.add("bot", {"host": HOST, "token": TOKEN})
    with pytest.raises(ConnectionNotFoundError, match=r"the connections: bot\."):
        job.submit(config.options(connections=[wanted]))
    with pytest.raises(ValidationError, match="connections has several of type DATABRICKS"):
        config.options(connections=[wanted, {"type": "databricks", "name": "bot"}])
    connection.add("lake", {"host": HOST, "token": TOKEN})
    with pytest.raises(InvalidRequestError, match=r"env_vars sets DATABRICKS_TOKEN, and so does .*'lake'"):
        job.submit(config.options(connections=[wanted], env_vars={"DATABRICKS_TOKEN": "mine"}))
    assert list(service.glob("packages/**/*.json")) == []
    assert list(job.list()) == []
