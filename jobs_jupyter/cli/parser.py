"""Reading the command line: one line for what is wrong with it, and the nearest right word."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TypeAlias

from jobs_jupyter.cli.completion import job_names
from jobs_jupyter.models.paths import HOME_VARIABLE
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.words import word

Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"
ANY, MADE, NAMED, THERE = "any", "made", "named", "there"
STATES = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED", "TERMINATED")
_ID = re.compile(r"prodjob_[a-z0-9]{26}")


class UsageError(ValueError):
    """An argument that can't be understood or used, in one sentence."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, with the nearest right word."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what argparse takes; options are not abbreviated."""
        super().__init__(*arguments, **{**options, "allow_abbrev": False})

    def error(self, message: str) -> NoReturn:
        """End the process with exit code 2."""
        end = "" if message.endswith("?") else "."
        print(f"jupyter jobs: {message}{end} See: {self.prog} --help", file=sys.stderr)
        sys.exit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what this parser does not know, where the nearest option is known."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0]))
        return found, unknown

    def check_first(self, word: str) -> None:
        """Refuse an option in the place of the command: what belongs to a command comes after it."""
        options = [name for action in self._actions for name in action.option_strings]
        if not word.startswith("-") or word in options:
            return
        name = word.split("=")[0]
        late = " in front of the command; options go after it"
        self.error(f"there is no option {name}{did_you_mean(name, options) or late}")

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is one word too many"
        options = [name for action in self._actions for name in action.option_strings]
        return f"there is no option {word}{did_you_mean(word.split('=')[0], options)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(choice) for choice in action.choices]
            hint = did_you_mean(str(value), known) or f"; use one of {', '.join(known)}"
            raise argparse.ArgumentError(action, f"there is no {value!r}{hint}")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question for the nearest of the known words, or nothing."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


@contextlib.contextmanager
def user_input() -> Iterator[None]:
    """Turn what the models and the SDK's argument checks refuse into a UsageError of one line."""
    from pydantic import ValidationError

    from jobs_jupyter.models.errors import JobsError
    from jobs_jupyter.models.refusal import sentence

    try:
        yield
    except ValidationError as problem:
        raise UsageError(sentence(problem)) from None
    except (ValueError, TypeError) as problem:
        if isinstance(problem, JobsError):
            raise
        raise UsageError(str(problem)) from None


def shared(*, json: bool = True, project: bool = False, home: str = NAMED) -> list[Parser]:
    """Return the parent of a verb's parser that has the options which verbs share.

    Args:
        json: whether it can answer with JSON.
        project: whether it finds jobs by name.
        home: `ANY` state directory, also one that does not exist; the same, and it is `MADE`; one that
            is `THERE`; or where it is `NAMED` with --home, then one that is there.
    """
    parent = Parser(add_help=False)
    if project:
        parent.add_argument("-p", "--project", type=word, help="where a name is looked for (default)")
        parent.add_argument("--archived", action="store_true", help="find archived jobs by name, too")
    if json:
        parent.add_argument("--json", action="store_true", help="print one JSON document")
    parent.add_argument("--home", metavar="DIR", help=f"the state directory ({HOME_VARIABLE})")
    parent.set_defaults(home_must_be=home)
    return [parent]


def state(text: str) -> str:
    """Return a state's name, typed in any case."""
    return text.upper()


def add_job(parser: argparse.ArgumentParser, *, many: bool = False) -> None:
    """Add the argument that says which job is meant."""
    job = parser.add_argument(
        "jobs" if many else "job",
        metavar="NAME",
        nargs="+" if many else None,
        type=word,
        help="a job's name or id" + (", or several" if many else ""),
    )
    job.completer = job_names  # type: ignore[attr-defined] # argcomplete looks for it


def meant(job: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the SDK's arguments for a job that is named, or given by its id."""
    if _ID.fullmatch(job):
        return {"job_id": job}
    return {"name": job, "project": options.project, "include_archived": options.archived}
