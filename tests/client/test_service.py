"""Finding, starting, replacing and stopping the service; who may speak to it."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from jobs_jupyter import _version, job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import (
    AuthenticationError,
    ServiceHangsError,
    ServiceStartError,
    ServiceUnavailableError,
    UnsupportedError,
)
from jobs_jupyter.models.paths import StatePaths
from tests.conftest import left_over
from tests.jobs import MORTAL, ended, eventually, output, python, run, running, submit

PID = "from jobs_jupyter.client.http import client\nprint(client.json('GET', '/v1/service')['pid'])\n"


def pid() -> int:
    return int(client.json("GET", "/v1/service")["pid"])


def version() -> str:
    return str(client.json("GET", "/v1/service")["version"])


# --- starting -----------------------------------------------------------------------------------


def test_the_first_call_starts_it_and_the_second_process_finds_it(service: Path) -> None:
    assert not service.exists()
    assert client_service.locate() is None
    assert not service.exists(), "looking starts nothing"
    assert list(job.list()) == []
    assert int(python(PID).stdout) == pid()
    assert client_service.locate() is not None


def test_twenty_processes_at_once_start_one(service: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", PID], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(20)
    ]
    answers = [process.communicate(timeout=60) for process in started]
    assert [process.returncode for process in started] == [0] * 20, answers
    assert {int(out) for out, _ in answers} == {pid()}
    assert (service / "service.log").read_text().count("serves") == 1


def test_it_outlives_who_started_it_and_keeps_nothing_of_it(service: Path) -> None:
    first = int(python(PID, JPY_PARENT_PID="1").stdout)
    assert first == pid()
    assert os.getsid(first) != os.getsid(0)
    assert b"JPY_PARENT_PID" not in Path(f"/proc/{first}/environ").read_bytes()
    assert Path(f"/proc/{first}/cwd").readlink() == service


def test_calls_while_it_stops_start_the_next(service: Path) -> None:
    """No call fails, whichever moment of the stop it meets."""
    failures: list[Exception] = []
    done = threading.Event()

    def calls() -> None:
        while not done.is_set():
            try:
                list(job.list())
            except Exception as failure:  # noqa: BLE001 - for the test to look at
                failures.append(failure)

    job_id = running(submit("sleep 600"))
    threads = [threading.Thread(target=calls) for _ in range(3)]
    for thread in threads:
        thread.start()
    pids = [pid()]
    for _ in range(3):
        with client_service._endpoint(StatePaths(service)).client() as http:
            http.post("/v1/service/stop")
        pids.append(eventually(functools.partial(other_than, pids[-1])))
    done.set()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(set(pids)) == 4
    assert job.status(id=job_id).state == "RUNNING"


@contextlib.contextmanager
def killer(home: Path, times: int) -> Iterator[list[int]]:
    """Kill the next services of a state directory as soon as they are there."""
    killed: list[int] = []
    done = threading.Event()

    def kill() -> None:
        while not done.is_set() and len(killed) < times:
            for process in psutil.process_iter(["cmdline"]):
                words = process.info["cmdline"] or []
                if "--ready-fd" in words and str(home) in words and process.pid not in killed:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
                        killed.append(process.pid)

    thread = threading.Thread(target=kill)
    thread.start()
    yield killed
    done.set()
    thread.join(30)


def test_a_service_that_is_killed_while_it_starts_is_started_again(service: Path) -> None:
    with killer(service, 1) as killed:
        assert list(job.list()) == []
    assert len(killed) == 1
    assert pid() not in killed


def test_one_that_is_killed_each_time_is_said_to_be(service: Path) -> None:
    assert list(job.list()) == []
    with (service / "service.log").open("a") as log:
        log.write("a line of an earlier start\n")
    client_service.stop()
    client.reconnect()
    with killer(service, 1000), pytest.raises(ServiceStartError, match="it was killed before it was ready"):
        client_service.ensure()


def test_submits_in_a_loop_survive_the_services_that_are_killed(service: Path) -> None:
    submitted = [submit("true")]
    for _ in range(5):
        os.kill(pid(), signal.SIGKILL)
        with killer(service, 1):
            submitted.append(submit("true"))
    for job_id in submitted:
        ended(job_id)
    assert len(list(job.list())) == len(submitted)


def test_a_service_that_hangs_is_named(service: Path) -> None:
    number = pid()
    os.kill(number, signal.SIGSTOP)
    try:
        client.reconnect()
        with pytest.raises(
            ServiceHangsError, match=rf"\(pid {number}\) runs, and does not answer. End it with"
        ):
            list(job.list())
    finally:
        os.kill(number, signal.SIGCONT)


def other_than(before: int) -> int | None:
    known = client_service.ask(client_service._endpoint(client_service.state_paths()))
    return int(known["pid"]) if known and known["pid"] != before else None


# --- versions -----------------------------------------------------------------------------------


@pytest.fixture
def as_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Make this process's client one of another version."""

    def become(number: str) -> None:
        monkeypatch.setattr(client_service, "__version__", number)
        client.reconnect()

    yield become
    become(_version.__version__)


def test_a_newer_client_replaces_an_older_service(service: Path, as_version: Callable[[str], None]) -> None:
    job_id = running(submit("echo before; sleep 1.5; echo after"))
    first = pid()
    as_version("0.0.1")
    assert pid() == first, "an older client never replaces it"
    as_version("999.0.0")
    second = pid()
    assert second != first
    as_version(_version.__version__)
    assert pid() == second
    job.wait(id=job_id, timeout_s=20)
    assert job.get_logs(id=job_id) == "before\nafter\n"
    assert [each.state for each in job.status(id=job_id).runs] == ["SUCCEEDED"]


def test_newer_clients_at_once_replace_it_once(service: Path) -> None:
    """A replaced service is stopped by one of them; the others find the new one."""
    first = pid()
    code = (  # to these clients, the first service looks old
        "from jobs_jupyter.client import service\n"
        "real = service._ask\n"
        "def ask(endpoint):\n"
        "    known = real(endpoint)\n"
        f"    return {{**known, 'version': '0.0.1'}} if known and known['pid'] == {first} else known\n"
        "service._ask = ask\n" + PID
    )
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(6)]
    pids = {int(process.communicate(timeout=60)[0]) for process in started}
    assert len(pids) == 1
    assert first not in pids
    assert (service / "service.log").read_text().count("serves") == 2


def test_a_newer_api_says_to_upgrade(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client_service.ensure()
    with monkeypatch.context() as patch:
        patch.setattr(client_service, "API", 0)
        client.reconnect()
        with pytest.raises(ServiceUnavailableError, match="pip install --upgrade jobs-jupyter"):
            job.list()._repr_html_()


# --- what can go wrong --------------------------------------------------------------------------
ROOT = Path(__file__).parents[2]


def refusal(home: Path, prefix: list[str] | None = None) -> str:
    """Return the message of the ServiceStartError that a first call there raises."""
    code = (
        "from jobs_jupyter import job\n"
        "from jobs_jupyter.models.errors import ServiceStartError\n"
        "try: list(job.list())\n"
        "except ServiceStartError as error: print(error)\n"
    )
    done = python(code, prefix=prefix, JOBS_JUPYTER_HOME=str(home))
    assert done.stdout, done.stderr
    assert left_over(home) == []
    return done.stdout.strip()


def test_a_home_that_cannot_be_written(home: Path) -> None:
    home.parent.joinpath("fixed").mkdir(mode=0o500)
    inside = home.parent / "fixed" / "home"
    for place in (inside, inside.parent):
        said = refusal(place, MORTAL)
        assert str(place) in said
        assert "Permission denied" in said
        assert said.endswith("Set JOBS_JUPYTER_HOME to a directory that you can write to.")
    assert list(inside.parent.iterdir()) == []
    home.write_text("a file")
    for place in (home, home / "below"):
        said = refusal(place)
        assert str(place) in said
        assert re.search(r"File exists|Not a directory", said)
        assert said.endswith("Set JOBS_JUPYTER_HOME to a directory that you can write to.")


def test_a_full_disk(home: Path) -> None:
    """A file system of 64 KiB, in a mount namespace of its own: as root, or as a user who may make one."""
    home.mkdir(mode=0o700)
    code = (
        "from jobs_jupyter import job\n"
        "try: job.list()._repr_html_()\n"
        "except ConnectionError as error: print(type(error).__name__, error)\n"
    )
    mount = f'mount -t tmpfs -o size=64k none {home} && exec "$@"'
    namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    done = python(code, prefix=namespace)
    assert "mount" not in done.stderr, f"this test needs unshare and mount: {done.stderr}"
    assert done.stdout.startswith("ServiceStartError"), done.stderr
    assert str(home) in done.stdout
    assert re.search("full|No space left", done.stdout)
    assert "Free some space there, or set JOBS_JUPYTER_HOME" in done.stdout


def test_a_database_that_cannot_be_written(home: Path) -> None:
    """As any user but root, for whom modes don't count."""
    client_service.ensure()
    client_service.stop()
    (home / "jobs.db").chmod(0o400)
    said = refusal(home, MORTAL)
    assert f"{home / 'jobs.db'} is read-only" in said
    assert said.endswith("Set JOBS_JUPYTER_HOME to a directory that you can write to.")


def test_a_read_only_file_system(home: Path) -> None:
    """With jobs on it, in a mount namespace of its own."""
    home.mkdir(mode=0o700)
    code = """
import os, subprocess
from jobs_jupyter import job
from jobs_jupyter.client import service
from tests.jobs import eventually
service.ensure()
service.stop()
remount = ["mount", "-o", "remount,ro", os.environ["JOBS_JUPYTER_HOME"]]
eventually(lambda: subprocess.run(remount, stderr=subprocess.DEVNULL).returncode == 0)
try: list(job.list())
except ConnectionError as error: print(type(error).__name__, error)
"""
    mount = f'mount -t tmpfs none {home} && exec "$@"'
    done = python(code, prefix=["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh"], cwd=ROOT)
    assert done.stdout.startswith("ServiceStartError"), f"this test needs unshare and mount: {done.stderr}"
    assert f"Read-only file system: '{home}/" in done.stdout
    assert done.stdout.endswith("Set JOBS_JUPYTER_HOME to a directory that you can write to.\n")


def test_a_directory_that_becomes_read_only(home: Path) -> None:
    """While the service works: what is there can be read, and a submit that can't be kept is refused."""
    code = """
import os, pathlib
from jobs_jupyter.client import service
from jobs_jupyter import job
from tests.jobs import run
job_id = run("echo kept").id
jobs = pathlib.Path(os.environ["JOBS_JUPYTER_HOME"], "jobs")
jobs.chmod(0o500)
print("log", job.get_logs(id=job_id).strip())
try: run("true")
except Exception as error: print(type(error).__name__, error)
jobs.chmod(0o700)
print("state", run("true").state, len(list(job.list())))
service.stop()
"""
    done = python(code, prefix=MORTAL, cwd=ROOT)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert lines[0] == "log kept"
    assert re.match(r"ServiceError .*Permission denied.*mend the rights", lines[1])
    assert lines[2] == "state SUCCEEDED 2"


def test_a_file_system_without_locks(home: Path, tmp_path: Path) -> None:
    """Simulated in the real processes: there is none here on which flock fails."""
    (tmp_path / "sitecustomize.py").write_text(
        "import errno, fcntl, os\n"
        "def flock(*_): raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))\n"
        "fcntl.flock = flock\n"
    )
    without = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    code = (
        "from jobs_jupyter import job\ntry: list(job.list())\nexcept ConnectionError as error: print(error)\n"
    )
    said = python(code, PYTHONPATH=without).stdout
    assert (
        "no lock can be taken (No locks available). Set JOBS_JUPYTER_HOME to a directory on a local" in said
    )
    done = python(
        "import sys; from jobs_jupyter.service.program import main; sys.exit(main([]))", PYTHONPATH=without
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "its file system has no locks (No locks available)" in last
    assert not (home / "jobs.db").exists()


def test_a_damaged_database_is_the_reason(home: Path) -> None:
    home.mkdir()
    (home / "jobs.db").write_bytes(b"not a database" * 1000)
    said = refusal(home)
    assert "not a database" in said
    assert str(home / "service.log") in said
    assert (home / "jobs.db").read_bytes() == b"not a database" * 1000


def test_a_target_that_is_no_url(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", "somewhere")
    with pytest.raises(ServiceUnavailableError, match="'somewhere' is not a URL"):
        job.list()._repr_html_()
    assert not home.exists()


def test_a_home_that_another_host_uses(home: Path) -> None:
    paths = StatePaths(home)
    home.mkdir()
    paths.service_info.write_text(json.dumps({"host": "elsewhere"}))
    assert client_service.state_paths().home == home, "nobody holds it any more"
    with open(paths.service_lock, "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert client_service.state_paths().home == home / "hosts" / socket.gethostname()


# --- sockets and tokens -------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_can_reach_it(service: Path) -> None:
    service.mkdir(mode=0o755)
    job_id = run("true").id
    assert mode(service) == 0o700
    assert mode(service / "service.sock") == 0o600
    assert mode(service / "service.json") == 0o600
    assert mode(service / "token") == 0o600
    assert mode(service / "jobs" / job_id / "runs" / job.status(id=job_id).runs[0].name / "log") == 0o600
    assert client.json("GET", "/v1/service")["urls"] == [], "TCP is for those who ask for it"


def test_a_long_path_has_its_socket_elsewhere(
    service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = service / ("x" * 120) / "home"
    monkeypatch.setenv("JOBS_JUPYTER_HOME", str(long))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(service.parent))
    try:
        assert output("echo far") == "far\n"
        where = Path(client.json("GET", "/v1/service")["socket"])
        assert where.is_relative_to(service.parent)
        assert not where.is_relative_to(long)
        assert (mode(where), mode(where.parent)) == (0o600, 0o700)
    finally:
        assert client_service.stop()
    assert not where.exists()


@pytest.fixture
def tcp(service: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service that listens on TCP, in the foreground; its URL. Its environment has WHERE=service."""
    command = [sys.executable, "-m", "jobs_jupyter.service", "--host", "127.0.0.1"]
    serving = subprocess.Popen(
        command,
        env={**os.environ, "WHERE": "service", "JOBS_JUPYTER_TOKEN": "token-1"},
        stderr=subprocess.DEVNULL,
    )
    eventually((service / "service.json").exists)
    yield json.loads((service / "service.json").read_text())["urls"][0]
    monkeypatch.delenv("JOBS_JUPYTER_TARGET", raising=False)
    client.reconnect()
    serving.terminate()
    assert serving.wait(20) == 0


def test_tcp_needs_the_token(tcp: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer token-2"},
        {"Authorization": "token-1"},
    ):
        for method, path in (("GET", "/v1/service"), ("POST", "/v1/service/stop"), ("GET", "/openapi.json")):
            answer = httpx.request(method, tcp + path, headers=headers, trust_env=False)
            assert answer.status_code == 401
            assert answer.json()["error"]["type"] == "AuthenticationError"
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", tcp)
    for token in ("wrong", "", "größe"):
        monkeypatch.setenv("JOBS_JUPYTER_TOKEN", token)
        with pytest.raises(AuthenticationError, match="JOBS_JUPYTER_TOKEN") as raised:
            submit("true")
        assert isinstance(raised.value, PermissionError)
    monkeypatch.setenv("JOBS_JUPYTER_TOKEN", "token-1")
    assert list(job.list()) == []
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", f"{tcp}/somewhere")
    with pytest.raises(UnsupportedError, match=r"no GET /somewhere/v1/jobs\. A target is http://HOST:PORT"):
        list(job.list())


def test_the_sdk_over_tcp_sends_env_vars_only(
    tcp: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", tcp)
    monkeypatch.setenv("JOBS_JUPYTER_TOKEN", "token-1")
    monkeypatch.setenv("WHERE", "client")
    monkeypatch.setenv("MINE", "client")
    (tmp_path / "file").write_text("packaged\n")
    command = 'cat file; echo "$WHERE,$MINE,$GIVEN"'
    job_id = submit(command, env_vars={"GIVEN": "given"}, working_dir=str(tmp_path), tags={"a": "b"})
    job.wait(id=job_id, follow=True, timeout_s=20)
    assert capsys.readouterr().out.endswith("packaged\nservice,,given\n")
    assert job.get_logs(id=job_id, max_lines=1) == "service,,given\n"
    assert [each.id for each in job.list(tags_filter={"a": ["b"]})] == [job_id]
    stopped = running(submit("sleep 600"))
    job.terminate(id=stopped)
    assert ended(stopped).state == "TERMINATED"


def test_nobody_else_may_run_on_the_same_home(tcp: str, service: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "jobs_jupyter.service"], capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert f"another service already runs on {service}" in second.stderr


def test_a_service_start_error_is_a_connection_error() -> None:
    assert issubclass(ServiceStartError, ServiceUnavailableError)
    assert issubclass(ServiceStartError, ConnectionError)


def test_a_misspelt_setting_is_a_question(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_IDEL_S", "5")
    with pytest.raises(ServiceStartError, match=r"mean JOBS_JUPYTER_IDLE_S\? See: jupyter jobs config\.$"):
        client_service.ensure()
