"""Finding the service, and starting it where none runs.

The client never imports the service: it starts it as a program of its own, detached, so that it
outlives the process that needed it first. httpx is imported late: it takes longer than it takes to
start the program, which then imports its own in the meantime.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from jobs_jupyter._version import __version__
from jobs_jupyter.client import deadline, isolation
from jobs_jupyter.models import peer
from jobs_jupyter.models.errors import ServiceHangsError, ServiceStartError, ServiceUnavailableError
from jobs_jupyter.models.paths import HOME_VARIABLE, StatePaths
from jobs_jupyter.models.state_directory import checked_home, make, own_file

if TYPE_CHECKING:
    import httpx

API = 1
START_S = 30.0
START_ATTEMPTS = 3  # of a service that is killed while it starts
STOP_S = 10.0
ASK_S = 5.0
TARGET_VARIABLE = "JOBS_JUPYTER_TARGET"
TOKEN_VARIABLE = "JOBS_JUPYTER_TOKEN"  # noqa: S105 - the variable's name
_NOT_WRITABLE = ("permission", "read-only", "readonly", "not a directory", "file exists")
_ALREADY_RUNS = "another service already runs"
_DETACHED = ("/bin/sh", "-c", '"$@" &', "sh")


@dataclass(frozen=True)
class Endpoint:
    """Where a service answers: over a Unix socket (`uds`), or at a URL with a token."""

    base_url: str
    uds: str | None = None
    token: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether it is the embedded service of this machine's state directory."""
        return self.uds is not None

    def client(self, timeout: float | None = 30.0) -> httpx.Client:
        """Return a client for it; `timeout` in seconds."""
        import httpx

        from jobs_jupyter.client.transports import LocalTransport

        transport = LocalTransport(self.uds) if self.uds else httpx.HTTPTransport(verify=self._verify)
        return httpx.Client(transport=transport, **self._options(timeout))

    def async_client(self, timeout: float | None = 30.0) -> httpx.AsyncClient:
        """Return an asyncio client for it; `timeout` in seconds."""
        import httpx

        from jobs_jupyter.client.transports import AsyncLocalTransport

        transport = (
            AsyncLocalTransport(self.uds) if self.uds else httpx.AsyncHTTPTransport(verify=self._verify)
        )
        return httpx.AsyncClient(transport=transport, **self._options(timeout))

    @property
    def _verify(self) -> bool:
        # loading the certificates takes 60 ms and plain http has no use for them
        return self.base_url.startswith("https:")

    def _options(self, timeout: float | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token.strip()}".encode()} if self.token else {}
        return {"base_url": self.base_url, "headers": headers, "timeout": timeout, "trust_env": False}


def ensure() -> Endpoint:
    """Return the service to talk to, starting the embedded one where none runs.

    `JOBS_JUPYTER_TARGET` names another service by its URL, `JOBS_JUPYTER_TOKEN` is its token.

    Raises:
        ServiceStartError: the service can't start; the message says why.
        ServiceHangsError: it runs, and does not answer.
    """
    if remote := _remote():
        return remote
    paths = state_paths()
    known = _answer_of(paths)
    if known is None or _is_older(known):
        _start(paths)
    elif known["api"] > API:
        raise ServiceUnavailableError(
            f"The running service is jobs-jupyter {known['version']}, and this version ({__version__}) "
            "can't speak with it. Upgrade with: pip install --upgrade jobs-jupyter"
        )
    return _endpoint(paths)


def locate() -> Endpoint | None:
    """Return the service to talk to if it answers, and start nothing."""
    endpoint = _remote() or _endpoint(state_paths())
    return endpoint if ask(endpoint) else None


def ask(endpoint: Endpoint) -> dict[str, Any] | None:
    """Return what `GET /v1/service` says, None where nothing answers."""
    import httpx

    try:
        return _ask(endpoint)
    except (httpx.HTTPError, ValueError):
        return None


def _ask(endpoint: Endpoint) -> dict[str, Any] | None:
    if endpoint.uds is not None and not peer.listens(endpoint.uds):
        return None
    with endpoint.client(timeout=deadline.at_most(ASK_S)) as client:
        answer = client.get("/v1/service")
        return dict(answer.json()) if answer.is_success else None


def _answer_of(paths: StatePaths) -> dict[str, Any] | None:
    """Return what the embedded service says, None where none runs.

    Raises:
        ServiceHangsError: it takes connections, and does not answer.
    """
    import httpx

    try:
        return _ask(_endpoint(paths))
    except httpx.TimeoutException:
        if not _is_locked(paths):
            return None
        raise ServiceHangsError(_hanging(paths)) from None
    except (httpx.HTTPError, ValueError):
        return None


def _hanging(paths: StatePaths) -> str:
    try:
        pid = int(json.loads(paths.service_info.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        pid = 0
    which = f" (pid {pid})" if pid else ""
    step = f"End it with: kill -9 {pid}. " if pid else ""
    return (
        f"The jobs service{which} runs, and does not answer. {step}Its jobs go on, and the next call starts "
        f"another. Its log: {paths.service_log}"
    )


def start_early() -> None:
    """Start the embedded service if none runs; what goes wrong is left for the first request to say."""
    with contextlib.suppress(ServiceUnavailableError, OSError):
        if _remote() is None and not peer.listens(str(state_paths().socket)):
            _start(state_paths())


def stop() -> bool:
    """Stop the embedded service; its runs go on. Returns whether one was running.

    Raises:
        ServiceUnavailableError: it did not stop within 10 s.
    """
    paths = state_paths()
    known = ask(_endpoint(paths))
    if known is None:
        return False
    _stop(paths, known)
    return True


def state_paths() -> StatePaths:
    """Return the state directory of this host.

    A home directory may be shared by several hosts: while another host's service holds it, this
    host has one of its own below it.

    Raises:
        ServiceStartError: others could have put something there.
        ServiceUnavailableError: another user listens on its socket.
    """
    paths = StatePaths(checked_home())
    try:
        held_by = json.loads(paths.service_info.read_text())["host"]
    except (OSError, ValueError, KeyError):
        return paths
    if held_by == socket.gethostname() or ask(_endpoint(paths)) or not _is_locked(paths):
        return paths
    return StatePaths(paths.home / "hosts" / socket.gethostname())


def remote_target() -> str | None:
    """Return what `JOBS_JUPYTER_TARGET` names, None where that is this machine's own service."""
    url = os.environ.get(TARGET_VARIABLE, "")
    return None if url in ("", "local") else url


def _remote() -> Endpoint | None:
    url = remote_target()
    if url is None:
        return None
    if not url.startswith(("http://", "https://")):
        raise ServiceUnavailableError(
            f"{TARGET_VARIABLE}={url!r} is not a URL; use http://HOST:PORT, or local."
        )
    return Endpoint(url, token=os.environ.get(TOKEN_VARIABLE))


def _endpoint(paths: StatePaths) -> Endpoint:
    return Endpoint("http://jobs-jupyter", uds=str(paths.socket))


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def _is_older(known: dict[str, Any]) -> bool:
    return _number(known["version"]) < _number(__version__)


def _is_locked(paths: StatePaths) -> bool:
    with contextlib.suppress(OSError), own_file(paths.service_lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _stop(paths: StatePaths, known: dict[str, Any]) -> None:
    import httpx

    with contextlib.suppress(httpx.HTTPError), _endpoint(paths).client(timeout=STOP_S) as client:
        client.post("/v1/service/stop")
    until = time.monotonic() + STOP_S
    while _is_locked(paths):
        if time.monotonic() > until:
            raise ServiceUnavailableError(
                f"The service (pid {known['pid']}) did not stop within {STOP_S:g} s; see {paths.service_log}."
            )
        time.sleep(0.02)


def _start(paths: StatePaths) -> None:
    """Start the service unless somebody was quicker; this newer version takes an older one's place.

    The runs of a service that is replaced do not notice.
    """
    with _starting(paths):
        known = ask(_endpoint(paths))
        if known is not None and _is_older(known):
            _stop(paths, known)
            known = None
        if known is None:
            _launch_until_it_answers(paths)


def _launch_until_it_answers(paths: StatePaths) -> None:
    """Start the service; one that is killed before it is ready is started again."""
    problem = ""
    for _ in range(START_ATTEMPTS):
        said, was_killed = _launch(paths)
        if said is None or ask(_endpoint(paths)) is not None:
            return
        problem = said
        if not was_killed or deadline.is_over():
            break
    hangs = _ALREADY_RUNS in problem.lower() or deadline.is_over()
    raise (ServiceHangsError if hangs else ServiceStartError)(_advice(paths, problem))


@contextlib.contextmanager
def _starting(paths: StatePaths) -> Iterator[None]:
    """Let one process at a time start the service of a state directory."""
    try:
        make(paths.home)
        file = own_file(paths.start_lock)
    except OSError as problem:
        raise ServiceStartError(_advice(paths, str(problem))) from None
    with file:
        _lock(paths, file)
        yield


def _lock(paths: StatePaths, file: BinaryIO) -> None:
    """Wait until no other process starts the service."""
    until = time.monotonic() + deadline.at_most(2 * START_S)
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                message = f"another process has been starting it for too long (it holds {paths.start_lock})"
                raise ServiceHangsError(_advice(paths, message)) from None
            time.sleep(0.01)
        except OSError as problem:
            raise ServiceStartError(_advice(paths, f"no lock can be taken ({problem.strerror})")) from None


def _launch(paths: StatePaths) -> tuple[str | None, bool]:
    """Start the service and wait until it listens.

    Returns why it does not, None where it does, and whether it ended without saying so itself.
    """
    read, write = os.pipe()
    try:
        with own_file(paths.service_log) as log:
            before = log.tell()
            _spawn(paths, write, log)
    except OSError as problem:
        os.close(read)
        return str(problem), False
    finally:
        os.close(write)
    with open(read, "rb") as answers:
        limit = deadline.at_most(START_S)
        if not select.select([answers], [], [], limit)[0]:
            return f"it was not ready within {limit:.3g} s", False
        line = answers.readline()
    if not line:
        return _why_it_ended(paths, before), True
    said: str | None = json.loads(line)["error"]
    return said, False


def _spawn(paths: StatePaths, ready_fd: int, log: BinaryIO) -> None:
    """Run the service detached from this process, its session and its terminal."""
    program = isolation.command("jobs_jupyter.service")
    environment = {n: value for n, value in isolation.variables().items() if n and not n.startswith("JPY_")}
    subprocess.run(
        [*_DETACHED, *program, "--home", str(paths.home), "--ready-fd", str(ready_fd)],
        pass_fds=[ready_fd],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",
        env=environment,
        start_new_session=True,
        check=True,
    )


def _why_it_ended(paths: StatePaths, before: int) -> str:
    """Return what a service that has ended wrote last into its log, behind what was there before it."""
    try:
        lines = paths.service_log.read_bytes()[before:].decode(errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"it ended at once: {lines[-1]}" if lines else "it was killed before it was ready"


def _advice(paths: StatePaths, problem: str) -> str:
    text = problem.lower()
    if _ALREADY_RUNS in text:
        step = f"It does not answer on {paths.socket}; look at {paths.service_log}"
    elif "no space left" in text or "disk is full" in text or "disk i/o" in text:
        step = f"Free some space there, or set {HOME_VARIABLE} to a directory on another disk"
    elif "can't be used" in text:
        step = "See: jupyter jobs config"
    elif "separates directories" in text:
        step = f"Set {HOME_VARIABLE} to another directory"
    elif "no lock" in text:
        step = f"Set {HOME_VARIABLE} to a directory on a local disk"
    elif any(word in text for word in _NOT_WRITABLE) or not paths.home.is_dir():
        step = f"Set {HOME_VARIABLE} to a directory that you can write to"
    else:
        step = f"More is in {paths.service_log}"
    said = problem if problem.endswith("?") else f"{problem.rstrip('.')}."
    return f"The jobs service could not start in {paths.home}: {said} {step}."
