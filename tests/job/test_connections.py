"""Jobs with connections: the official SDK logs in, and nobody reads in a log what it logs in with."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import connection, job, secret
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.client.streams import log
from jobs_jupyter.models.errors import (
    JobStateError,
    SecretNotFoundError,
    ServiceError,
    UnsupportedError,
    VaultError,
)
from jobs_jupyter.models.paths import StatePaths
from tests.archives import members
from tests.cli.program import cli
from tests.engine import IMAGE, Engine
from tests.jobs import ended, eventually, output, run, running, submit
from tests.workspace import CLIENT_ID, CLIENT_SECRET, ISSUED, TOKEN, Workspace, workspace

LAKE = {"connections": [{"type": "databricks", "name": "lake"}]}
HOST = "https://lake.cloud.databricks.com"
CATALOGS = """
from databricks.sdk import WorkspaceClient
print([catalog.name for catalog in WorkspaceClient().catalogs.list()])
"""
STARS = "*" * len(TOKEN)


@pytest.fixture
def lake(service: Path) -> None:
    """A connection by that name, whose host nobody asks."""
    connection.add("lake", {"host": HOST, "token": TOKEN})


def listed(tmp_path: Path, **fields: Any) -> str:
    (tmp_path / "catalogs.py").write_text(CATALOGS)
    return output(f"{sys.executable} catalogs.py", working_dir=str(tmp_path), **LAKE, **fields)


def contradict(monkeypatch: pytest.MonkeyPatch, elsewhere: Workspace) -> None:
    """What the submitter has logs in elsewhere, in three ways."""
    variables = {"HOST": elsewhere.url, "TOKEN": "mine", "CLIENT_ID": "i", "CLIENT_SECRET": "s"}
    variables |= {"USERNAME": "me", "PASSWORD": "pw", "CONFIG_PROFILE": "nowhere", "AUTH_TYPE": "basic"}
    for name, value in variables.items():
        monkeypatch.setenv(f"DATABRICKS_{name}", value)
    monkeypatch.setenv("ARM_CLIENT_SECRET", "of another cloud")


@pytest.mark.parametrize("way", ["token", "client"])
def test_the_official_sdk_logs_in(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    by_client = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    with workspace() as ours, workspace() as elsewhere:
        connection.add("lake", {"host": ours.url, **({"token": TOKEN} if way == "token" else by_client)})
        contradict(monkeypatch, elsewhere)
        assert listed(tmp_path).splitlines()[-1] == "['main', 'samples']"
    with_tokens = {by for path, by in ours.asked if path.endswith("/catalogs")}
    assert with_tokens == {f"Bearer {TOKEN if way == 'token' else ISSUED}"}
    assert elsewhere.asked == []


def test_exactly_the_runs_that_ask_get_it(lake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_WAREHOUSE_ID", "stays")
    monkeypatch.setenv("DATABRICKS_CONFIG_PROFILE", "of-the-submitter")
    shows = "env | grep ^DATABRICKS_ | sort"
    assert output(shows, **LAKE) == (
        f"DATABRICKS_AUTH_TYPE=pat\nDATABRICKS_HOST={HOST}\nDATABRICKS_TOKEN={STARS}\n"
        "DATABRICKS_WAREHOUSE_ID=stays\n"
    )
    assert output(shows) == "DATABRICKS_CONFIG_PROFILE=of-the-submitter\nDATABRICKS_WAREHOUSE_ID=stays\n"
    bot = {"host": HOST, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    connection.add("lake", bot)
    assert output(shows, **LAKE) == (
        f"DATABRICKS_AUTH_TYPE=oauth-m2m\nDATABRICKS_CLIENT_ID={CLIENT_ID}\n"
        f"DATABRICKS_CLIENT_SECRET={'*' * len(CLIENT_SECRET)}\nDATABRICKS_HOST={HOST}\n"
        "DATABRICKS_WAREHOUSE_ID=stays\n"
    )


def test_what_is_there_when_a_run_starts_counts(lake: None, tmp_path: Path) -> None:
    """A run that waited, or is a retry, gets the token as it is by then; or fails, and says why."""
    tells = f"printenv DATABRICKS_TOKEN >> {tmp_path}/tokens; "
    line = {"job_queue_config": {"job_queue_spec": {"name": "line", "idle_timeout_s": 60}}}
    first = running(
        submit(
            f"{tells} while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; exit 1",
            max_retries=1,
            **line,
            **LAKE,
        )
    )
    eventually((tmp_path / "tokens").exists)
    second = submit(tells, max_retries=3, **line, **LAKE)
    connection.add("lake", {"host": HOST, "token": "another-token-0123"})
    (tmp_path / "go").touch()
    eventually(lambda: (tmp_path / "tokens").read_text().count("\n") == 2)
    ended(first)
    assert ended(second).state == "SUCCEEDED"
    assert (tmp_path / "tokens").read_text().split() == [TOKEN, "another-token-0123", "another-token-0123"]
    (tmp_path / "go").unlink()
    third = running(submit(f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done", **line))
    late = submit(tells, max_retries=3, **line, **LAKE)
    connection.remove("lake")
    (tmp_path / "go").touch()
    ended(third)
    status = ended(late)
    assert (status.state, len(status.runs)) == ("FAILED", 1)
    assert (status.reason or "").startswith(
        "could not start: There is no connection 'lake'; the connections: none."
    )


# --- masking ----------------------------------------------------------------------------------------

FAILS = "printf '%s' {} > $JOBS_JUPYTER_OUTPUT_DIR/error.json; exit 1"
PRINTS = 'printf "%s and %s\\n" a "$DATABRICKS_TOKEN"; printf "%s" "$DATABRICKS_TOKEN"'


def test_everything_that_shows_a_log(lake: None, service: Path) -> None:
    status = run(PRINTS, **LAKE)
    name, shown = status.runs[0].name, f"a and {STARS}\n{STARS}"
    assert job.get_logs(id=status.id) == f"{shown}\n"
    assert job.get_logs(id=status.id, max_lines=1) == f"{STARS}\n"
    assert job.get_logs(id=status.id, mode="HEAD", max_lines=1) == f"a and {STARS}\n"
    path = f"/v1/jobs/{status.id}/runs/{name}/log"
    for offset in range(-len(shown), len(shown)):
        answer = client.request("GET", path, query={"offset": offset})
        assert answer.text == shown[offset:]
        assert answer.headers["X-Log-Size"] == str(len(shown))
    assert b"".join(log(status.id, name, time.monotonic() + 20, 15)).decode() == shown[15:]
    assert cli("logs", status.id).stdout == f"{shown}\n"
    assert TOKEN in StatePaths(service).job(status.id).run(name).log.read_text(), "on disk is what it wrote"


def test_what_wait_prints_and_what_it_raises(lake: None, capfd: pytest.CaptureFixture[str]) -> None:
    job_id = submit(f"{PRINTS}; exit 1", **LAKE)
    with pytest.raises(JobStateError) as failed:
        job.wait(id=job_id, follow=True, timeout_s=20)
    assert f"a and {STARS}\n{STARS}" in str(failed.value)
    assert f"a and {STARS}\n{STARS}" in capfd.readouterr().out
    assert TOKEN not in str(failed.value)


def test_a_beginning_waits_until_it_is_known_what_it_is(lake: None, tmp_path: Path) -> None:
    """A follower sees all but what may be the beginning of the value, and never more of it."""
    half = f"${{DATABRICKS_TOKEN%{TOKEN[12:]}}}"
    job_id = running(
        submit(
            f'printf "before %s" "{half}"; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; '
            f'printf "%s, then %s" {TOKEN[12:]} "{half}"',
            **LAKE,
        )
    )
    name = job.status(id=job_id).runs[0].name
    stream = log(job_id, name, time.monotonic() + 20)
    assert next(stream) == b"before "
    assert job.get_logs(id=job_id) == "before \n"
    (tmp_path / "go").touch()
    rest = b"".join(stream).decode()
    assert rest == f"{STARS}, then {TOKEN[:12]}", "what has only begun when it ends is shown"
    assert job.get_logs(id=job_id) == f"before {rest}\n"


def test_a_cell_s_exception(lake: None, service: Path) -> None:
    """In the job's status, in the feed, and among its results; the database does not have it either."""
    error = {"type": "ValueError", "message": "401 for $DATABRICKS_TOKEN", "line": 3}
    status = run(FAILS.format(json.dumps(json.dumps(error))), **LAKE)
    assert status.error is not None
    assert (status.error.type, status.error.message) == ("ValueError", f"401 for {STARS}")
    view = client.json("GET", f"/v1/jobs/{status.id}/view")
    assert view["error"]["message"] == f"401 for {STARS}"
    kept = client.json("GET", f"/v1/jobs/{status.id}/outputs/error.json")
    assert kept == {**error, "message": f"401 for {STARS}"}
    for path in service.glob("jobs.db*"):
        assert TOKEN.encode() not in path.read_bytes()


def test_masked_for_ever(lake: None, service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the connection is gone, the service restarted, the job archived; deleted with the job."""
    status = run(PRINTS, **LAKE)
    connection.remove("lake")
    client_service.stop()
    client.reconnect()
    job.archive(id=status.id)
    assert job.get_logs(id=status.id) == f"a and {STARS}\n{STARS}\n"
    paths = StatePaths(service).job(status.id).run(status.runs[0].name)
    assert paths.masks.stat().st_mode & 0o777 == 0o600
    assert TOKEN.encode() not in paths.masks.read_bytes()
    key = (service / "vault.key").read_text()
    client_service.stop()
    client.reconnect()
    (service / "vault.key").unlink()
    with pytest.raises((VaultError, ServiceError), match=r"can't be shown, since what is secret") as hidden:
        job.get_logs(id=status.id)
    assert TOKEN not in str(hidden.value)
    (service / "vault.key").write_text(key)
    assert STARS in job.get_logs(id=status.id)
    job.delete(id=status.id)
    assert not paths.root.exists()


def test_only_what_is_given_is_masked(lake: None) -> None:
    """Another job that knows the same words is shown; a secret that nobody asked for is not looked for."""
    secret.set("registry", "words-of-a-secret")
    assert output(f"echo {TOKEN} words-of-a-secret") == f"{TOKEN} words-of-a-secret\n"
    assert output("echo words-of-a-secret", **LAKE) == "words-of-a-secret\n"


def test_a_backup_has_neither_the_vault_nor_what_is_masked(lake: None, service: Path, tmp_path: Path) -> None:
    error = {"type": "ValueError", "message": "401 for $DATABRICKS_TOKEN"}
    status = run(f"{PRINTS}; {FAILS.format(json.dumps(json.dumps(error)))}", **LAKE)
    waits = running(submit(f"{PRINTS}; sleep 600", **LAKE))
    eventually(lambda: STARS in job.get_logs(id=waits))
    archive = tmp_path / "jobs.tar.gz"
    assert cli("backup", str(archive)).returncode == 0
    files = members(archive)
    assert not {name.split("/")[-1] for name in files} & {"vault", "vault.key", "masks"}
    key = (service / "vault.key").read_bytes()
    assert [name for name, content in files.items() if TOKEN.encode() in content or key in content] == []
    job.terminate(id=waits)
    ended(waits)
    client_service.stop()
    client.reconnect()
    assert cli("restore", str(archive), "--force").returncode == 0
    assert job.get_logs(id=status.id) == f"a and {STARS}\n{STARS}\n"
    assert (job.status(id=status.id).error or status.error) == status.error
    assert [each.name for each in connection.list()] == ["lake"], "they belong to the directory, not to jobs"
    assert output("printenv DATABRICKS_TOKEN", **LAKE) == f"{STARS}\n"


def test_on_disk_nothing_is_in_clear_while_it_runs(lake: None, service: Path) -> None:
    running(submit("sleep 600", **LAKE))
    found = [path for path in service.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert found == []


def test_named_in_a_shell(lake: None) -> None:
    shown = cli("submit", "--connection", "lake", "--wait", "--", "printenv DATABRICKS_TOKEN")
    assert (shown.returncode, f"\n{STARS}\n" in shown.stdout) == (0, True), shown.stderr
    unknown = cli("submit", "--connection", "none", "--", "true")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no connection 'none'; the connections: lake." in unknown.stderr
    both = cli("submit", "--connection", "lake", "--connection", "bot", "--", "true")
    assert (both.returncode, both.stdout) == (2, "")
    assert "--connection lake and bot: a job has one of a type; give one" in both.stderr


def test_in_an_image(service: Path, podman: Engine) -> None:
    connection.add("lake", {"host": HOST, "token": TOKEN})
    shows = "echo $DATABRICKS_HOST $DATABRICKS_AUTH_TYPE $DATABRICKS_TOKEN"
    assert output(shows, image_uri=IMAGE, **LAKE) == f"{HOST} pat {STARS}\n"


def test_a_registry_s_login(service: Path, podman: Engine) -> None:
    """It is a secret with a user name; what is wrong with it is said at submit."""
    fields = {"image_uri": IMAGE, "registry_login_secret": "registry"}
    with pytest.raises(SecretNotFoundError, match=r"no secret 'registry'; the secrets: none\. Set it with"):
        submit("true", **fields)
    secret.set("registry", "its-password")
    with pytest.raises(UnsupportedError, match=r"registry_login_secret='registry' has no user name"):
        submit("true", **fields)
    secret.set("registry", "its-password", username="me")
    assert output("echo its-password", **fields) == "************\n"
