"""Fixtures for every test: a state directory of its own, and a service that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from hypothesis import settings

from tests.engine import IMAGE, Engine, missing

if TYPE_CHECKING:
    from tests.remote_stores import S3

GONE_WITHIN_S = 15
HOME = "JOBS_JUPYTER_HOME"


def pytest_configure(config: pytest.Config) -> None:
    """Keep tests off the user's state directory: without `home`, using it is an error.

    A shell has what it runs in the background ignore SIGINT, and with it all programs that tests start.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ[HOME] = "/dev/null/a-test-uses-the-state-directory-without-the-fixture-home"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a service or a browser, so that no test lands in the wrong tier."""
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker("browser")
        elif item.get_closest_marker("notebook") is None and "home" in getattr(item, "fixturenames", ()):
            item.add_marker("service")


# A busy machine is no fault; what fails is printed as a decorator that repeats it.
settings.register_profile("tests", deadline=None, print_blob=True)
settings.load_profile("tests")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory of this test's own, named by JOBS_JUPYTER_HOME; it does not exist yet."""
    # In /tmp, not in tmp_path: a Unix socket's path has room for about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="jj-", dir="/tmp"))
    monkeypatch.setenv(HOME, str(folder / "home"))
    yield folder / "home"
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def engine_root() -> Iterator[Engine]:
    """Podman with a storage of these tests' own, and an image in it; skips where there is no Podman."""
    if reason := missing():
        if os.environ.get("PROGRAMS") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    engine = Engine(Path(tempfile.mkdtemp(prefix="jj-", dir="/tmp")))
    yield engine
    engine.clear()
    shutil.rmtree(engine.root)


@pytest.fixture
def podman(engine_root: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The same for one test, which has to leave no container."""
    for name, value in engine_root.variables.items():
        monkeypatch.setenv(name, value)
    yield engine_root
    assert engine_root.output("ps", "--all", "--quiet") == "", "containers outlived their jobs"


@pytest.fixture
def private(podman: Engine, tmp_path: Path) -> Iterator[str]:
    """The name of an image that only a registry has."""
    from tests.registry import PASSWORD, USER, registry

    with registry(tmp_path) as address:
        image = f"{address}/team/tool:1"
        podman.output("push", "--creds", f"{USER}:{PASSWORD}", IMAGE, f"docker://{image}")
        yield image
        podman.output("rmi", "--force", "--ignore", image)


@pytest.fixture
def service(home: Path) -> Iterator[Path]:
    """A real service for this test, started by its first call; the state directory.

    Afterwards jobs that are still active are terminated and the service is stopped. A process
    that is left then is a bug, and fails the test.
    """
    yield home
    if (home / "service.json").exists():
        stop_everything()
    assert not left_over(home), "processes outlived their service's stop"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """An S3 server, and this process's environment as its users have it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    from tests.remote_stores import S3

    server = S3()
    for name, value in server.variables().items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


def stop_everything() -> None:
    """Terminate every active job of the current state directory, then stop its service."""
    from jobs_jupyter import job
    from jobs_jupyter.client import service as client_service
    from jobs_jupyter.models.errors import JobStateError

    try:
        for status in list(job.list(state_filter=["STARTING", "RUNNING"])):
            job.terminate(id=status.id)
            with contextlib.suppress(JobStateError):  # it ended by itself
                job.wait(id=status.id, state="TERMINATED", timeout_s=GONE_WITHIN_S)
    finally:
        client_service.stop()


def left_over(home: Path) -> list[str]:
    """The command lines of processes of this state directory, once they have had time to go."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while processes := list(processes_of(home)):
        if time.monotonic() > deadline:
            return [f"{process.pid}: {command}" for process, command in processes]
        psutil.wait_procs([process for process, _ in processes], timeout=0.2)
    return []


def processes_of(home: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Processes that were started with this state directory, with their command lines."""
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if str(home) in command or process.environ().get(HOME) == str(home):
                yield process, command
        except psutil.Error:
            continue  # gone meanwhile, or not ours
