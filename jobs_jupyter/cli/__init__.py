"""`jupyter jobs …`: jobs from a shell.

One noun a file; each adds its verbs to the parser and handles them. What is heavy (httpx, pydantic,
rich) is imported by the verb that needs it, so that `--help` and completion are quick.
"""

from __future__ import annotations

import argparse
import io
import os
import sys

from jobs_jupyter._version import __version__
from jobs_jupyter.cli import (
    backup,
    completion,
    compute_configs,
    config,
    connections,
    doctor,
    housekeeping,
    jobs,
    logs,
    queues,
    secrets,
    service,
    streams,
    submission,
    tags,
)
from jobs_jupyter.cli.output import complain, note
from jobs_jupyter.cli.parser import ANY, MADE, NAMED, Parser, UsageError
from jobs_jupyter.models.errors import InvalidRequestError, JobsError
from jobs_jupyter.models.paths import HOME_VARIABLE, default_home, from_here

SECTIONS = {
    "jobs": ("submit", "status", "list", "logs", "wait", "terminate", "archive", "delete", "tags"),
    "what jobs share": ("queues", "compute-configs", "connection", "secret"),
    "the service": ("serve", "service", "config", "doctor"),
    "what is kept": ("gc", "backup", "restore"),
    "the shell": ("completion",),
}
FAILED, USAGE, TIMEOUT, INTERRUPTED, BROKEN_PIPE = 1, 2, 3, 130, 141


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 3 timeout, 130 interrupted.
    """
    streams.open_closed()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what the terminal's encoding lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:  # also of what argparse prints before it exits
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has had enough
        streams.abandon_output()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except (JobsError, UsageError, OSError) as problem:
        complain(problem)
        _flush_or_abandon()
        return _code(problem)


def _run(given: list[str]) -> int:
    """Read the command line, and do what it says."""
    parser = _parser()
    completion.answer(parser)
    if any(not _is_text(word) for word in given):
        parser.error("an argument is not valid text in this shell's encoding")
    parser.check_first(*given[:1] or [""])
    given, command = submission.split(given)
    options = parser.parse_args(given)
    options.command = command
    if getattr(options, "home", None):
        options.home = os.environ[HOME_VARIABLE] = str(from_here(options.home))
    _check_home(options)
    return int(options.run(options))


def _flush_or_abandon() -> None:
    """Where the output could not be written, as the disk is full, let go of the rest."""
    try:
        sys.stdout.flush()
    except OSError:
        streams.abandon_output()


def _check_home(options: argparse.Namespace) -> None:
    """Refuse to look into a state directory that is not there: it is a typo, or there is nothing to see.

    Whoever makes one is told so where it was named: that may be a typo, too.
    """
    wanted = getattr(options, "home_must_be", ANY)
    if wanted == ANY or (wanted in (NAMED, MADE) and not options.home):
        return
    from jobs_jupyter.client import service

    if (home := default_home()).is_dir() or service.remote_target() is not None:
        return
    if wanted != MADE:
        raise FileNotFoundError(
            f"There is no state directory {home}; the first job makes one. "
            f"Another is named with --home or {HOME_VARIABLE}."
        )
    note(f"There is no state directory {home} yet; it is made for this.")


def _is_text(word: str) -> bool:
    """Whether it has no undecodable bytes, which can't be sent."""
    return not any("\ud800" <= character <= "\udfff" for character in word)


def _code(problem: Exception) -> int:
    if isinstance(problem, UsageError | InvalidRequestError):
        return USAGE
    return TIMEOUT if isinstance(problem, TimeoutError) else FAILED


def _parser() -> Parser:
    parser = Parser(
        "jupyter jobs",
        description="Background jobs: submit them, follow them, put them away.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 timeout, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for noun in (
        submission,
        jobs,
        logs,
        tags,
        queues,
        compute_configs,
        connections,
        secrets,
        service,
        housekeeping,
        backup,
        config,
        doctor,
        completion,
    ):
        noun.add(verbs)
    for title, names in SECTIONS.items():
        parser.add_section(title, names)
    parser.learn()
    return parser
