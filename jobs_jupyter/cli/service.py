"""`jupyter jobs serve` and `jupyter jobs service …`: run the service, look after it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli.output import document, moment
from jobs_jupyter.cli.parser import ANY, MADE, Parser, UsageError, shared
from jobs_jupyter.cli.target import only_here, require_answer
from jobs_jupyter.models.errors import ServiceUnavailableError
from jobs_jupyter.words import port, positive, word

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

LOG_LINES = 50
FOLLOW_S = 0.2


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    alone = shared(json=False, home=MADE)
    serve = verbs.add_parser("serve", parents=alone, help="run the service in the foreground")
    serve.add_argument("--host", type=word, help="listen on TCP too, at this address; clients need the token")
    serve.add_argument("--port", metavar="PORT", type=port, help="the TCP port; with --host (a free one)")
    serve.set_defaults(run=_serve)

    looked_after: Parser = verbs.add_parser("service", help="look after the service that starts on demand")
    actions = looked_after.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, run, text in (
        ("start", _start, "start it where none runs"),
        ("stop", _stop, "stop it; jobs go on"),
        ("status", _status, "say whether it runs (exit code 1: no)"),
        ("logs", _logs, "print its own log"),
    ):
        action = actions.add_parser(name, parents=shared(home=MADE if name == "start" else ANY), help=text)
        action.set_defaults(run=run)
        if name == "logs":
            action.add_argument(
                "-n", "--lines", metavar="N", type=positive, default=LOG_LINES, help=f"how many ({LOG_LINES})"
            )
            action.add_argument("-f", "--follow", action="store_true", help="go on as more is written")


def _serve(options: argparse.Namespace) -> int:
    """Become the service; it stops on Ctrl-C, and its jobs go on."""
    from jobs_jupyter.client import isolation

    command = isolation.command("jobs_jupyter.service", "--idle-s", "0")
    if options.home:
        command += ["--home", options.home]
    if options.host:
        command += ["--host", options.host]
    if options.port is not None:
        command += ["--port", str(options.port)]
    sys.stdout.flush()
    os.execve(sys.executable, command, isolation.variables())


def _start(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import service

    require_answer()
    endpoint = service.ensure()
    _say(service.ask(endpoint), options)
    return 0


def _stop(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import service

    only_here("this would stop this machine's")
    stopped = service.stop()
    if options.json:
        document({"stopped": stopped})
    else:
        print("Stopped; its jobs go on." if stopped else "No service was running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import service

    endpoint = service.locate()
    if endpoint is not None:
        _say(service.ask(endpoint), options)
        return 0
    require_answer()
    home = service.state_paths().home
    if options.json:
        document({"running": False, "home": str(home)})
    else:
        print(f"No service runs for {home}. The first job starts one.")
    return 1


def _say(known: dict[str, Any] | None, options: argparse.Namespace) -> None:
    if known is None:
        raise ServiceUnavailableError("The service went away; try again.")
    if options.json:
        document({"running": True, **known})
        return
    since = moment(datetime.fromisoformat(known["started_at"]))
    print(f"jobs-jupyter {known['version']} runs as process {known['pid']} since {since}")
    for label, text in (
        ("state directory", known["home"]),
        ("socket", known["socket"]),
        ("addresses", ", ".join(known["urls"])),
        ("active jobs", str(known["active_jobs"])),
    ):
        if text:
            print(f"  {label + ':':<17}{text}")


def _logs(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import service

    if options.follow and options.json:
        raise UsageError("--json and --follow exclude each other")
    only_here("this log would be of this machine's")
    path = service.state_paths().service_log
    if not path.exists():
        raise FileNotFoundError(f"There is no log at {path}: the service has not been started.")
    with open(path, errors="replace") as file:
        lines = file.readlines()
        text = "".join(lines[-options.lines :])
        if options.json:
            document({"path": str(path), "log": text})
            return 0
        print(text, end="", flush=True)
        while options.follow:
            print(file.read(), end="", flush=True)
            time.sleep(FOLLOW_S)
    return 0
