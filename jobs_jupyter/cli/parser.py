"""Reading the command line: one line for what is wrong with it, and the nearest right word."""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn, TypeAlias

from jobs_jupyter.cli.synonyms import TABLE, Kind, hint
from jobs_jupyter.models.paths import HOME_VARIABLE
from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.words import word

Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"
ANY, MADE, NAMED, THERE = "any", "made", "named", "there"
STATES = ("STARTING", "RUNNING", "SUCCEEDED", "FAILED", "TERMINATED")
PROGRAM = "jupyter jobs"
_OPTION_OF = re.compile(r"argument (-[^/:]+)")


class UsageError(ValueError):
    """An argument that can't be understood or used, in one sentence."""


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong, with the nearest right word."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take what argparse takes; options are not abbreviated."""
        super().__init__(*arguments, **{**options, "allow_abbrev": False})
        self._stand_ins: list[tuple[argparse.Action, argparse.Action]] = []
        self._sections: list[tuple[str, list[argparse.Action]]] = []
        self._beside = ""

    @property
    def verb(self) -> str:
        """The command that it reads, such as `queues list`; "" for the whole command line."""
        return self.prog.removeprefix(PROGRAM).strip()

    def stand_in(self, positional: argparse.Action, *options: argparse.Action) -> None:
        """Let options take the place of a positional argument, which then is not expected."""
        self._stand_ins += [(positional, option) for option in options]

    def learn(self) -> None:
        """Take what other clients call the commands and options of this parser and of those below it."""
        for row in TABLE:
            if row.kind is Kind.SAME and self.verb in row.verbs:
                self._take(row.theirs, row.ours)
        for commands in self._commands():
            for parser in set(commands.choices.values()):
                parser.learn()

    def _commands(self) -> list[Verbs]:
        return [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]

    def _take(self, theirs: str, ours: str) -> None:
        """Take a word for one of ours, in help and completions without it."""
        if ours.startswith("-"):
            self._option_string_actions[theirs] = self._option_string_actions[ours]
        else:
            commands = self._commands()[0]
            commands._name_parser_map[theirs] = commands._name_parser_map[ours]

    def add_section(self, title: str, names: Iterable[str]) -> None:
        """Show these commands below a title of their own in the help."""
        shown = {each.dest: each for each in self._commands()[0]._get_subactions()}
        self._sections.append((title, [shown[name] for name in names]))

    def format_help(self) -> str:
        """Return the help, the commands by sections where there are some."""
        if not self._sections:
            return super().format_help()
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        options = [action for action in self._actions if action.option_strings]
        for title, actions in [*self._sections, ("options", options)]:
            formatter.start_section(title)
            formatter.add_arguments(actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()

    def error(self, message: str) -> NoReturn:
        """End the process with exit code 2."""
        if found := _OPTION_OF.match(message):
            message += hint(self.verb, found[1], Kind.CLASH)
        end = "" if message.endswith("?") else "."
        print(f"jupyter jobs: {message}{end} See: {self.prog} --help", file=sys.stderr)
        sys.exit(2)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what this parser does not know, where the nearest option is known."""
        self._refuse_others(args or [])
        self._make_room(args or [])
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(self._unknown(unknown[0]))
        return found, unknown

    def _refuse_others(self, args: list[str]) -> None:
        """Refuse another client's option first: that a name is missing, too, does not help its user."""
        for name in (given.split("=")[0] for given in args):
            if name.startswith("-") and name not in self._option_string_actions and hint(self.verb, name):
                self.error(self._unknown(name))

    def _make_room(self, args: list[str]) -> None:
        """Expect no positional argument where an option has its place."""
        for positional, option in self._stand_ins:
            names = [name for name, action in self._option_string_actions.items() if action is option]
            if positional in self._actions and (name := _first_of(args, names)):
                self._remove_action(positional)
                self._beside = name

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
            beside = f" beside {self._beside}" if self._beside else ""
            return f"{word!r} is one word too many{beside}{hint(self.verb, self._beside, Kind.CLASH)}"
        options = [name for action in self._actions for name in action.option_strings]
        name = word.split("=")[0]
        said = hint(self.verb, name)
        return f"there is no option {name if said else word}{said or did_you_mean(name, options)}"

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            shown = action._get_subactions() if isinstance(action, argparse._SubParsersAction) else ()
            known = [each.dest for each in shown] or [str(choice) for choice in action.choices]
            better = hint(self.verb, str(value)) if shown else ""
            better = better or did_you_mean(str(value), known) or f"; use one of {', '.join(known)}"
            raise argparse.ArgumentError(action, f"there is no {value!r}{better}")


def _first_of(args: list[str], names: Sequence[str]) -> str | None:
    """Return which of an option's names is among the words; a short one may have its value behind it."""
    for given in args:
        for name in names:
            if given.split("=")[0] == name or (len(name) == 2 and re.match(rf"-[fjy]*{name[1]}", given)):
                return name
    return None


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
        parent.add_argument("-o", "--output", dest="json", action=Output, metavar="FORMAT",
                            help="json or text")  # fmt: skip
    parent.add_argument("--home", metavar="DIR", help=f"the state directory ({HOME_VARIABLE})")
    parent.set_defaults(home_must_be=home)
    return [parent]


class Output(argparse.Action):
    """`-o json`, which is `--json`."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        """Take what argparse takes; where it is not given, `--json` decides."""
        super().__init__(option_strings, dest, **{**options, "default": argparse.SUPPRESS})

    def __call__(self, _: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ARG002
        """Set `json`; a format that there is not is refused."""
        if values not in ("json", "text"):
            raise argparse.ArgumentError(self, f"there is no {values!r}; use json or text")
        setattr(namespace, self.dest, values == "json")


def state(text: str) -> str:
    """Return a state's name, typed in any case."""
    return text.upper()
