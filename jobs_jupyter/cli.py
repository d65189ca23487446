"""`jupyter jobs …`: run the service, look after it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

from jobs_jupyter._version import __version__
from jobs_jupyter.client import service
from jobs_jupyter.models.errors import JobsError, ServiceUnavailableError
from jobs_jupyter.models.paths import HOME_VARIABLE

LOG_LINES = 50
FOLLOW_S = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    if getattr(options, "home", None):
        os.environ[HOME_VARIABLE] = str(Path(options.home).absolute())
    try:
        return int(options.run(options))
    except (JobsError, OSError) as problem:
        print(f"jupyter jobs: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("jupyter jobs", description="Background jobs from notebooks.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    home = argparse.ArgumentParser(add_help=False)
    home.add_argument("--home", metavar="DIR", help=f"the state directory ({HOME_VARIABLE})")

    serve = verbs.add_parser("serve", parents=[home], help="run the service in the foreground")
    serve.add_argument("--host", help="listen on TCP too, at this address; clients need the token")
    serve.add_argument("--port", type=int, default=0, help="the TCP port (a free one)")
    serve.set_defaults(run=_serve)

    looked_after = verbs.add_parser("service", help="look after the service that starts on demand")
    actions = looked_after.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, run, text in (
        ("start", _start, "start it where none runs"),
        ("stop", _stop, "stop it; jobs go on"),
        ("status", _status, "say whether it runs (exit code 1: no)"),
        ("logs", _logs, "print its own log"),
    ):
        action = actions.add_parser(name, parents=[home], help=text)
        action.set_defaults(run=run)
        if name == "logs":
            action.add_argument("-n", "--lines", type=int, default=LOG_LINES, help=f"how many ({LOG_LINES})")
            action.add_argument("-f", "--follow", action="store_true", help="go on as more is written")
    return parser


def _serve(options: argparse.Namespace) -> int:
    """Become the service; it stops on Ctrl-C, and its jobs go on."""
    command = [sys.executable, "-m", "jobs_jupyter.service", "--idle-s", "0"]
    if options.home:
        command += ["--home", options.home]
    if options.host:
        command += ["--host", options.host, "--port", str(options.port)]
    sys.stdout.flush()
    os.execv(sys.executable, command)


def _start(options: argparse.Namespace) -> int:
    endpoint = service.ensure()
    _say(service.ask(endpoint))
    return 0


def _stop(options: argparse.Namespace) -> int:
    print("Stopped; its jobs go on." if service.stop() else "No service was running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    endpoint = service.locate()
    if endpoint is None:
        print(f"No service runs for {service.state_paths().home}. The first job starts one.")
        return 1
    _say(service.ask(endpoint))
    return 0


def _say(known: dict[str, Any] | None) -> None:
    if known is None:
        raise ServiceUnavailableError("The service went away; try again.")
    print(f"jobs-jupyter {known['version']} runs as process {known['pid']} since {known['started_at']}")
    for label, text in (
        ("state directory", known["home"]),
        ("socket", known["socket"]),
        ("addresses", ", ".join(known["urls"])),
        ("active jobs", str(known["active_jobs"])),
    ):
        if text:
            print(f"  {label + ':':<17}{text}")


def _logs(options: argparse.Namespace) -> int:
    path = service.state_paths().service_log
    if not path.exists():
        raise FileNotFoundError(f"There is no log yet: {path}. The service has not been started.")
    with open(path, errors="replace") as file:
        lines = file.readlines()
        print("".join(lines[-options.lines :] if options.lines > 0 else []), end="", flush=True)
        while options.follow:
            print(file.read(), end="", flush=True)
            time.sleep(FOLLOW_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
