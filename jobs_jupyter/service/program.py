"""The service's program: `python -m jobs_jupyter.service [--home DIR] [--host HOST --port PORT]`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import gc
import json
import logging
import logging.handlers
import os
import signal
import socket as sockets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from jobs_jupyter._version import __version__
from jobs_jupyter.models import peer, settings, state_directory
from jobs_jupyter.models.errors import JobsError, ServiceStartError
from jobs_jupyter.models.paths import StatePaths, default_home
from jobs_jupyter.models.settings import Configuration
from jobs_jupyter.service import backup, machine
from jobs_jupyter.service.api import API, Api
from jobs_jupyter.service.auth import TokenRequired, new_token
from jobs_jupyter.service.clock import Clock, iso
from jobs_jupyter.service.listener import Listener, tcp_socket, unix_socket
from jobs_jupyter.service.private import keep_private
from jobs_jupyter.service.state import ServiceState

log = logging.getLogger("jobs_jupyter.service")
WAIT_FOR_LOCK_S = 5.0
GARBAGE_AFTER = 10_000  # objects
SETTINGS = ("host", "port", "idle_s")


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop. Returns the exit code: 0, or 1 where it could not start."""
    options = _parser().parse_args(arguments)
    keep_private()
    paths = StatePaths(Path(options.home).absolute() if options.home else default_home())
    try:
        _prepare(paths, verbose=options.ready_fd is None)
        with _only_one(paths) as alone:
            if not alone:
                _tell(
                    options.ready_fd,
                    f"another service already runs on {paths.home}; stop it with: jupyter jobs service stop",
                )
                return 1
            configuration = settings.load(paths.config, os.environ, _given(options))
            asyncio.run(_serve(paths, configuration, options.ready_fd))
    except (OSError, SQLAlchemyError, JobsError) as problem:
        said = str(getattr(problem, "orig", None) or problem)
        foreseen = isinstance(problem, JobsError | OSError)
        log.error("could not start: %s", said, exc_info=None if foreseen else problem)
        if options.ready_fd is not None:  # else the log has said it on the terminal
            _tell(options.ready_fd, said)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jobs_jupyter.service", description=__doc__)
    parser.add_argument("--home", help="the state directory")
    parser.add_argument("--host", help="listen on TCP too, at this address; clients need the token")
    parser.add_argument("--port", type=int, help="the TCP port; 0 takes a free one")
    parser.add_argument("--idle-s", type=float, help="stop after so many idle seconds; 0: never")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    return parser


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that arguments give."""
    return {name: value for name in SETTINGS if (value := getattr(options, name)) is not None}


def _prepare(paths: StatePaths, *, verbose: bool) -> None:
    if os.pathsep in str(paths.home):
        raise ServiceStartError(f"its path has a {os.pathsep!r}, which separates directories on PATH")
    state_directory.check(paths.home)
    state_directory.make(paths.home)
    state_directory.make_private(paths.home)
    if paths.database.exists() and not os.access(paths.database, os.W_OK):
        raise ServiceStartError(f"{paths.database} is read-only")
    os.chdir(paths.home)
    file = logging.handlers.RotatingFileHandler(
        paths.service_log, maxBytes=1_000_000, backupCount=2, delay=True
    )
    handlers: list[logging.Handler] = [file, *([logging.StreamHandler()] if verbose else [])]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", handlers=handlers)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # what is worth a line, the handlers log


@contextlib.contextmanager
def _only_one(paths: StatePaths) -> Iterator[bool]:
    """Hold the state directory's lock; False where another service keeps it."""
    with state_directory.own_file(paths.service_lock) as file:
        until = time.monotonic() + WAIT_FOR_LOCK_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if peer.listens(str(paths.socket)) or time.monotonic() > until:
                    yield False
                    return
                time.sleep(0.02)  # one that is just ending, or beginning
            except OSError as problem:
                raise ServiceStartError(
                    f"its file system has no locks ({problem.strerror}), "
                    "and without one two services might write there at once"
                ) from None
        yield True


async def _serve(paths: StatePaths, configuration: Configuration, ready_fd: int | None) -> None:
    state = ServiceState(paths, configuration)
    try:
        await _serve_until_stopped(state, paths, ready_fd)
    finally:
        await state.supervisor.close()
        state.database.close()


async def _serve_until_stopped(state: ServiceState, paths: StatePaths, ready_fd: int | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, state.stop)
    await asyncio.to_thread(backup.sweep, paths)
    await state.supervisor.recover()
    app = Api(state).app()
    token = _token(paths)
    listening = [(unix_socket(state_directory.socket_for(paths)), Listener(app, state.stopped))]
    if state.settings.host:
        tcp = tcp_socket(state.settings.host, state.settings.port)
        listening.append((tcp, Listener(TokenRequired(app, token), state.stopped)))
    serving = [asyncio.create_task(server.serve(sockets=[socket])) for socket, server in listening]
    background = [asyncio.create_task(each) for each in (state.stop_when_idle(), state.housekeeping.run())]
    for _, server in listening:
        await server.listening.wait()
    gc.freeze()  # what is there now stays: no need to look through it for garbage
    gc.set_threshold(GARBAGE_AFTER)
    gc.enable()
    _announce(state, [socket for socket, _ in listening], token, ready_fd)
    for task in background:
        task.add_done_callback(lambda task: None if task.cancelled() else state.stop())
    await asyncio.gather(*serving)
    for path in (paths.service_info, paths.socket):
        path.unlink(missing_ok=True)
    for task in background:
        task.cancel()
    results = await asyncio.gather(*background, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


def _announce(state: ServiceState, listening: list[sockets.socket], token: str, ready_fd: int | None) -> None:
    urls = [
        f"http://{s.getsockname()[0]}:{s.getsockname()[1]}" for s in listening if s.family != sockets.AF_UNIX
    ]
    state.about = {
        "home": str(state.paths.home),
        "host": sockets.gethostname(),
        "socket": str(state.paths.socket),
        "urls": urls,
        "started_at": iso(Clock().now()),
    }
    pid = os.getpid()
    known = {"version": __version__, "api": API, "pid": pid, "start": machine.start_time(pid), **state.about}
    scratch = state.paths.service_info.with_suffix(".new")
    with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(known, file)
    scratch.rename(state.paths.service_info)
    for url in urls:
        if ready_fd is None:  # on the terminal alone: a log is shown to others
            print(f"listening on {url}; clients need JOBS_JUPYTER_TOKEN={token}", file=sys.stderr, flush=True)
        log.info("listening on %s", url)
    log.info("jobs_jupyter %s serves %s", __version__, state.paths.home)
    _tell(ready_fd, None)


def _token(paths: StatePaths) -> str:
    """Return the token for TCP: the environment's, or one that was made for this state directory."""
    if given := os.environ.get("JOBS_JUPYTER_TOKEN"):
        return given
    try:
        descriptor = os.open(paths.token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return paths.token.read_text().strip()
    with open(descriptor, "w") as file:
        file.write(made := new_token())
    return made


def _tell(ready_fd: int | None, problem: str | None) -> None:
    """Tell the client that started this program that it is ready, or why it is not."""
    if ready_fd is not None:
        with contextlib.suppress(OSError):
            os.write(ready_fd, json.dumps({"ready": problem is None, "error": problem}).encode() + b"\n")
            os.close(ready_fd)
    elif problem:
        print(f"jobs_jupyter service: {problem}", file=sys.stderr)
