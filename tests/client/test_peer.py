"""Another user of the machine, who wants what a client sends, or to put something in the service's place."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.client.service import Endpoint
from jobs_jupyter.models import state_directory
from jobs_jupyter.models.errors import JobsError, ServiceStartError, ServiceUnavailableError
from jobs_jupyter.models.paths import HOME_VARIABLE, StatePaths
from tests.cli.program import cli
from tests.conftest import left_over, stop_everything
from tests.jobs import output, submit

THEM = 65534
AS_THEM = ["setpriv", f"--reuid={THEM}", f"--regid={THEM}", "--clear-groups"]
PYTHON = shutil.which("python3", path="/usr/bin:/bin") or sys.executable  # one that they can execute
SECRET = "sesame-of-the-victim"
# listens at a path that all may connect to, and writes down whatever it is sent
LISTENS = """
import os, socket, sys
os.umask(0)
with socket.socket(socket.AF_UNIX) as here:
    here.bind(sys.argv[1])
    here.listen(64)
    print("ready", flush=True)
    while True:
        there, _ = here.accept()
        with there:
            there.settimeout(5)
            try:
                while piece := there.recv(65536):
                    print("GOT", piece, flush=True)
            except OSError:
                pass
"""
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None, reason="acts as another user: needs root and setpriv"
)


@pytest.fixture
def open_folder(home: Path) -> Iterator[Path]:
    """Where the other user can make something: a directory like /tmp, above the state directory."""
    home.parent.chmod(0o1777)
    yield home.parent
    home.parent.chmod(0o1777)
    try:
        state_directory.check(home)
    except ServiceStartError:
        return  # so nothing was started
    if home.is_dir():
        stop_everything()
    assert not left_over(home)


class Listener:
    """Another user's process that listens at a path."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [*AS_THEM, PYTHON, "-c", LISTENS, str(path)],
            stdout=subprocess.PIPE,
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            self.received()
            pytest.fail("the other user could not listen")

    def received(self) -> bytes:
        """End it, and return what it was sent."""
        self.process.terminate()
        return self.process.communicate()[0]


@pytest.fixture
def planted(open_folder: Path, home: Path) -> Iterator[Listener]:
    """A state directory of ours in which another user listens where the service should be."""
    home.mkdir(mode=0o700)
    os.chown(home, THEM, THEM)
    listener = Listener(home / "service.sock")
    os.chown(home, 0, 0)
    yield listener
    listener.process.kill()
    listener.process.wait()
    listener.process.stdout.close()  # type: ignore[union-attr]


def test_a_foreign_socket_is_sent_nothing(planted: Listener, home: Path) -> None:
    endpoint = Endpoint("http://jobs-jupyter", uds=str(home / "service.sock"), token=SECRET)
    said = rf"Another user, \S+, listens at {home / 'service.sock'}"
    with endpoint.client() as http, pytest.raises(ServiceUnavailableError, match=said):
        http.post("/v1/jobs", content=SECRET)
    with (
        endpoint.client() as http,
        pytest.raises(ServiceUnavailableError, match=said),
        http.stream("GET", "/v1/events"),
    ):
        pass

    async def ask() -> None:
        async with endpoint.async_client() as http:
            await http.post("/v1/jobs", content=SECRET)

    with pytest.raises(ServiceUnavailableError, match=said):
        asyncio.run(ask())
    assert planted.received() == b""


def test_every_way_to_the_service_refuses_it(
    planted: Listener, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VICTIM", SECRET)
    client.reconnect()
    with pytest.raises(ServiceUnavailableError, match="Another user"):
        submit("true")
    for act in (lambda: list(job.list()), client_service.ensure, client_service.locate, client_service.stop):
        with pytest.raises(ServiceUnavailableError, match="nothing was sent there"):
            act()
    client_service.start_early()  # says nothing itself
    for words in (["list"], ["service", "status"], ["service", "stop"], ["submit", "--", "true"]):
        done = cli(*words)
        assert done.returncode != 0, words
        assert "Another user" in done.stdout + done.stderr, (words, done)
        assert "Traceback" not in done.stderr
    assert planted.received() == b""


def test_a_directory_at_a_predictable_path_is_not_used(
    open_folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = open_folder / ("x" * 120)
    monkeypatch.setenv(HOME_VARIABLE, str(long))
    monkeypatch.setenv("TMPDIR", str(open_folder))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    theirs = open_folder / "jobs-jupyter-0"
    subprocess.run([*AS_THEM, "mkdir", "-m", "777", theirs], check=True)
    client.reconnect()
    assert output("echo far") == "far\n"
    where = Path(client.json("GET", "/v1/service")["socket"])
    assert where == StatePaths(long).socket
    assert where.parent != theirs
    assert os.listdir(theirs) == []
    assert client_service.stop()
    client.reconnect()
    assert output("echo again") == "again\n"
    assert Path(client.json("GET", "/v1/service")["socket"]) == where, "it is recorded"
    assert client_service.stop()
    shutil.rmtree(where.parent)  # /tmp was cleaned, and somebody was quick
    subprocess.run([*AS_THEM, "mkdir", "-m", "777", where.parent], check=True)
    client.reconnect()
    assert output("echo elsewhere") == "elsewhere\n"
    assert StatePaths(long).socket.parent != where.parent
    assert os.listdir(where.parent) == []
    stop_everything()


def refusal(home: Path) -> str:
    """What a submit says; afterwards nothing in the directory may have changed."""
    client.reconnect()
    before = {p: p.lstat().st_mtime_ns for p in home.rglob("*")} if home.is_dir() else {}
    with pytest.raises(JobsError) as caught:
        submit("true", working_dir=str(Path(__file__).parent))
    after = {p: p.lstat().st_mtime_ns for p in home.rglob("*")} if home.is_dir() else {}
    assert after == before, "something was opened for writing"
    return str(caught.value)


def test_a_prepared_state_directory_is_refused(open_folder: Path, home: Path) -> None:
    subprocess.run([*AS_THEM, "mkdir", "-m", "777", home], check=True)
    for name in ("start.lock", "service.log", "service.lock"):
        subprocess.run([*AS_THEM, "ln", "-s", open_folder / f"victim-{name}", home / name], check=True)
    subprocess.run([*AS_THEM, "mkdir", "-m", "777", home / "index", home / "packages"], check=True)
    listener = Listener(home / "service.sock")
    said = refusal(home)
    assert f"{home} belongs to another user, " in said
    assert listener.received() == b""
    assert not list(open_folder.glob("victim-*"))
    done = subprocess.run(
        [sys.executable, "-m", "jobs_jupyter.service", "--home", home],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "belongs to another user" in done.stderr


def test_a_link_in_its_place_is_refused(open_folder: Path, home: Path) -> None:
    (open_folder / "mine").mkdir(mode=0o700)
    subprocess.run([*AS_THEM, "ln", "-s", open_folder / "mine", home], check=True)
    assert f"{home} is a link" in refusal(home)
    assert os.listdir(open_folder / "mine") == []


def test_one_that_all_can_write_to_is_refused(open_folder: Path, home: Path) -> None:
    home.mkdir()
    home.chmod(0o777)
    subprocess.run([*AS_THEM, "touch", home / "service.json"], check=True)
    assert f"chmod 700 {home}" in refusal(home)
    assert f"chmod 700 {home}" in refusal(home), "it is no safer the second time"
    (home / "service.json").unlink()
    state_directory.check(home)
    assert home.stat().st_mode & 0o777 == 0o700, "a new file system, say, is made private"


def test_one_that_all_can_replace_is_refused(open_folder: Path, home: Path) -> None:
    open_folder.chmod(0o777)
    assert f"All users can rename what is in {open_folder}" in refusal(home)


@pytest.mark.parametrize("name", ["start.lock", "service.log", "service.lock"])
def test_a_link_in_place_of_a_file_is_not_followed(open_folder: Path, home: Path, name: str) -> None:
    home.mkdir(mode=0o770)
    (home / name).symlink_to(open_folder / "elsewhere")
    client.reconnect()
    with pytest.raises(ServiceStartError, match=f"{home / name} is a link"):
        submit("true")
    (home / name).unlink()
    assert not (open_folder / "elsewhere").exists()


def test_a_group_may_write_to_it(open_folder: Path, home: Path) -> None:
    home.mkdir()
    os.chown(home, 0, THEM)
    home.chmod(0o2775)
    client.reconnect()
    assert output("echo shared") == "shared\n"


def test_any_user_of_a_container_may_use_roots_directory(open_folder: Path, home: Path) -> None:
    """As where a volume is root's, writable for its group, and the user has no name and group 0."""
    home.mkdir()
    home.chmod(0o2775)
    told = subprocess.run(
        ["setpriv", "--reuid=54321", "--regid=0", "--clear-groups", "sh", "-c", f"echo > '{home}/mine'"],
        check=False,
    )
    assert told.returncode == 0
    with contextlib.ExitStack() as done:
        os.seteuid(54321)
        done.callback(os.seteuid, 0)
        state_directory.check(home)
        state_directory.make_private(home)
    assert home.stat().st_mode & 0o777 == 0o775


def test_with_no_umask_nothing_is_open_to_others(open_folder: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x" * 100_000)
    before = os.umask(0)
    try:
        client.reconnect()
        assert output("umask; cat file | wc -c", working_dir=str(tmp_path)).split() == ["0000", "100000"]
    finally:
        os.umask(before)
    opened = [p for p in (home, *home.rglob("*")) if p.is_dir() and p.stat().st_mode & 0o077]
    assert [p for p in opened if "work" not in p.parts] == []


def test_a_host_of_its_own_has_a_private_directory(home: Path) -> None:
    before = os.umask(0)
    try:
        state_directory.make(home / "hosts" / "other")
    finally:
        os.umask(before)
    assert {p.stat().st_mode & 0o777 for p in (home, home / "hosts", home / "hosts" / "other")} == {0o700}


def test_a_file_in_the_way_is_told(open_folder: Path, home: Path) -> None:
    home.write_text("")
    with pytest.raises(ServiceStartError):
        client_service.ensure()
