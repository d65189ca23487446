"""`jupyter jobs completion`: what a shell needs to complete the command line."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from jobs_jupyter.models.errors import JobsError

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

SHELLS = {
    "bash": 'eval "$(jupyter jobs completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(jupyter jobs completion zsh)"   in ~/.zshrc',
    "fish": "jupyter jobs completion fish | source   in ~/.config/fish/config.fish",
}
MOST_NAMES = 50
PROGRAMS = ("jupyter", "jupyter-jobs")  # `jupyter` passes on what follows its subcommand


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "completion",
        help="print a shell's completion script",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(["to use it:", *(f"  {line}" for line in SHELLS.values())]),
    )
    parser.add_argument("shell", choices=SHELLS)
    parser.set_defaults(run=_script)


def answer(parser: argparse.ArgumentParser) -> None:
    """Where a shell asks for completions, answer it and end the process."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)


def job_names(**_: Any) -> list[str]:
    """Return the names of the newest jobs, for a shell; where no service runs, none is started."""
    from jobs_jupyter import job as sdk

    return _known(lambda: (status.name for status in sdk.list(max_items=MOST_NAMES)))


def queue_names(**_: Any) -> list[str]:
    """Return the names of the queues, for a shell."""
    from jobs_jupyter import job_queue

    return _known(lambda: (queue.name for queue in job_queue.list() if queue.name))


def compute_names(**_: Any) -> list[str]:
    """Return the names of the compute configs, for a shell."""
    from jobs_jupyter import compute_config

    return _known(lambda: (each.name.partition(":")[0] for each in compute_config.list()))


def connection_names(**_: Any) -> list[str]:
    """Return the names of the connections, for a shell."""
    from jobs_jupyter import connection

    return _known(lambda: (each.name for each in connection.list()))


def secret_names(**_: Any) -> list[str]:
    """Return the names of the secrets, for a shell."""
    from jobs_jupyter import secret

    return _known(lambda: (each.name for each in secret.list()))


def _known(ask: Callable[[], Iterable[str]]) -> list[str]:
    """Return the names without repetition; none where no service runs, or it does not answer."""
    from jobs_jupyter.client import service

    with contextlib.suppress(JobsError, OSError):
        if service.locate():
            return list(dict.fromkeys(ask()))
    return []


def _script(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    # fish has one script a program
    groups = [[name] for name in PROGRAMS] if options.shell == "fish" else [list(PROGRAMS)]
    for programs in groups:
        print(shellcode(programs, shell=options.shell))
    return 0
