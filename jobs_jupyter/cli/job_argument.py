"""Which job a command is for: a plain word, `-n NAME` or `--id ID`."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from jobs_jupyter.cli.completion import job_names
from jobs_jupyter.cli.parser import Parser
from jobs_jupyter.words import word

_ID = re.compile(r"prodjob_[a-z0-9]{26}")


class Name(str):
    """A name and nothing else: what follows `-n`."""


class Id(str):
    """An id and nothing else: what follows `--id`."""


class One(argparse.Action):
    """Keeps what is named, and refuses to be told twice."""

    def __call__(self, _: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ARG002
        """Set it."""
        if getattr(namespace, self.dest, None) is not None:
            raise argparse.ArgumentError(self, f"{getattr(namespace, self.dest)} is named already; name one")
        setattr(namespace, self.dest, values)


def add_job(parser: Parser, *, many: bool = False) -> None:
    """Add the argument that says which job is meant, or which jobs."""
    dest = "jobs" if many else "job"
    several = ", or several" if many else ""
    job = parser.add_argument(dest, metavar="NAME", nargs="+" if many else None, type=word,
                              help=f"a job's name or id{several}; or name it with an option")  # fmt: skip
    add_stand_ins(parser, job, "job", job_names, action="append" if many else One)


def add_stand_ins(
    parser: Parser,
    positional: argparse.Action,
    what: str,
    names: Callable[..., list[str]],
    *,
    action: Any = One,
) -> None:
    """Add `-n` and `--id`, which take the place of a positional argument.

    Args:
        parser: where it is.
        positional: the argument.
        what: what it names, as a noun.
        names: returns those that there are, for completion.
        action: what is done with a value.
    """
    options = {"dest": positional.dest, "action": action, "default": argparse.SUPPRESS}
    named = f"the {what}'s name, as an option"
    name = parser.add_argument("-n", "--name", metavar="NAME", type=_name, help=named, **options)
    by_id = parser.add_argument(
        "--id", metavar="ID", type=_id, help=f"the {what}'s id, as an option", **options
    )
    parser.stand_in(positional, name, by_id)
    positional.completer = name.completer = names  # type: ignore[attr-defined] # argcomplete looks for it


def meant(job: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the SDK's arguments for a job that is named, or given by its id."""
    if is_id(job, _ID):
        return {"job_id": str(job)}
    return {"name": str(job), "project": options.project, "include_archived": options.archived}


def is_id(given: str, pattern: re.Pattern[str]) -> bool:
    """Whether what was given is an id: by `--id`, or as a plain word that looks like one."""
    return isinstance(given, Id) or (not isinstance(given, Name) and pattern.fullmatch(given) is not None)


def _name(text: str) -> Name:
    return Name(word(text))


def _id(text: str) -> Id:
    return Id(word(text))
