"""The service, run and looked after from a shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from tests.cli.conftest import Call
from tests.cli.program import PROGRAM, cli
from tests.jobs import WITHIN_S, eventually, running, submit


def test_start_status_logs_stop(service: Path) -> None:
    assert cli("service", "status").returncode == 1
    assert "No service runs" in cli("service", "status").stdout
    logs = cli("service", "logs")
    assert (logs.returncode, logs.stdout) == (1, "")
    assert "has not been started" in logs.stderr
    assert not service.exists(), "none of them starts it"

    started = cli("service", "start")
    assert started.returncode == 0
    known = client.json("GET", "/v1/service")
    assert f"process {known['pid']}" in started.stdout
    assert str(service) in started.stdout
    assert cli("service", "start").stdout.splitlines()[0] == started.stdout.splitlines()[0]
    job_id = running(submit("sleep 600"))
    status = cli("service", "status")
    assert status.returncode == 0
    assert status.stdout.splitlines()[-1].split() == ["active", "jobs:", "1"]
    assert f"serves {service}" in cli("service", "logs").stdout
    assert cli("service", "logs", "-n", "1").stdout.count("\n") == 1

    stopped = cli("service", "stop")
    assert (stopped.returncode, stopped.stdout) == (0, "Stopped; its jobs go on.\n")
    assert cli("service", "stop").stdout == "No service was running.\n"
    assert cli("service", "status").returncode == 1
    assert job.status(id=job_id).state == "RUNNING"


def test_a_home_of_ones_own(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_HOME", "/dev/null/elsewhere")
    assert str(service) in cli("service", "start", "--home", str(service)).stdout
    assert cli("service", "stop", "--home", str(service)).returncode == 0
    failed = cli("service", "start")
    assert failed.returncode == 1
    assert failed.stderr.startswith("jupyter jobs: The jobs service could not start in /dev/null/elsewhere")
    assert failed.stderr.count("\n") == 1, "one sentence, no traceback"
    monkeypatch.setenv("JOBS_JUPYTER_HOME", str(service))


def test_serve_in_the_foreground_on_tcp(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        serving = subprocess.Popen(
            [PROGRAM, "serve", "--host", "127.0.0.1"],
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "JOBS_JUPYTER_TOKEN"},
        )
        assert serving.stderr
        line = serving.stderr.readline()
        url = line.split("listening on ")[1].split(";")[0]
        token = line.split("JOBS_JUPYTER_TOKEN=")[1].strip()
        assert token == (service / "token").read_text()
        assert httpx.get(f"{url}/v1/service", trust_env=False).status_code == 401
        with monkeypatch.context() as patch:
            patch.setenv("JOBS_JUPYTER_TARGET", url)
            patch.setenv("JOBS_JUPYTER_TOKEN", token)
            job.wait(id=submit("true"), timeout_s=WITHIN_S)
            assert url in cli("service", "status").stdout
        client.reconnect()
        second = cli("serve")
        assert second.returncode == 1
        assert "another service already runs" in second.stderr
        eventually((service / "service.json").exists)
        assert json.loads((service / "service.json").read_text())["pid"] == serving.pid
        serving.send_signal(number)
        serving.communicate(timeout=WITHIN_S)
        assert serving.returncode == 0
    assert not (service / "service.json").exists()


def test_json(service: Path, call: Call, refused: Callable[..., str]) -> None:
    assert call("service", "status", "--json").json == {"running": False, "home": str(service)}
    started = call("service", "start", "--json").json
    assert started["running"]
    assert call("service", "status", "--json").json["pid"] == started["pid"]
    assert call("service", "logs", "--json", "-n", "1").json["log"].count("\n") == 1
    assert "exclude each other" in refused("service", "logs", "--json", "-f")
    assert call("service", "stop", "--json").json == {"stopped": True}
    assert call("service", "stop", "--json").json == {"stopped": False}


@pytest.mark.parametrize("line", ["config", "service status", "service start"])
def test_a_target_that_does_not_answer(
    home: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", "http://127.0.0.1:1")
    assert "No service answers at http://127.0.0.1:1" in refused(*line.split(), code=1)
    assert not home.exists(), "and nothing is said, or started, in its stead"


@pytest.mark.parametrize("line", ["service logs", "service stop"])
def test_what_is_this_machines(
    service: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    client_service.ensure()
    with monkeypatch.context() as patch:
        patch.setenv("JOBS_JUPYTER_TARGET", "http://127.0.0.1:1")
        assert "is a service elsewhere" in refused(*line.split())
    assert client_service.locate()


def test_since_when_is_the_readers_time(service: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    started = datetime.fromisoformat(call("service", "start", "--json").json["started_at"])
    assert started.utcoffset() == timedelta(0)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC-5")
        time.tzset()
        shown = call("service", "status").out.splitlines()[0].split(" since ")[1]
    time.tzset()
    assert shown == (started + timedelta(hours=5)).strftime("%Y-%m-%d %H:%M:%S")


def test_an_address_that_is_not_this_machines(home: Path) -> None:
    done = cli("serve", "--host", "192.0.2.1", "--port", "0")
    assert done.returncode == 1
    assert "it can't listen on host=192.0.2.1, port=0: " in done.stderr
    assert done.stderr.count("can't listen") == 1
    assert "Traceback" not in done.stderr
