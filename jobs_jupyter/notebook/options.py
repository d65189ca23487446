"""The options of `%%job` and `%job`, and how their lines are read.

The line is split as a shell would, and `$NAME` and `{…}` are left alone. What is wrong with it is
said in one sentence, with the nearest right word.
"""

from __future__ import annotations

import argparse
import keyword
import shlex
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.notebook.typing_slips import slip
from jobs_jupyter.words import (
    add_compute,
    add_connection,
    add_image,
    add_python,
    count,
    duration,
    pair,
    positive,
    tag,
    urgency,
    word,
)


class UsageError(ValueError):
    """A line that can't be understood, in one sentence."""


class HelpWanted(Exception):  # noqa: N818 - no error
    """A line asks for help; its text is the help."""


class LineParser(argparse.ArgumentParser):
    """Reads one line; complains with a UsageError and never exits."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog, description=description, add_help=False, allow_abbrev=False, exit_on_error=False
        )
        self.formatter_class = argparse.RawDescriptionHelpFormatter

    def error(self, message: str) -> NoReturn:
        """Raise instead of ending the process."""
        end = "" if message.endswith("?") else "."
        raise UsageError(f"{self.prog}: {message}{end} {self.prog}? shows the options.")

    def read(self, line: str) -> argparse.Namespace:
        """Return the line's options.

        Raises:
            UsageError: it can't be understood.
            HelpWanted: it asks for the options' help.
        """
        if wrong := slip(line):
            self.error(wrong)
        try:
            words = _joined(shlex.split(line))
        except ValueError as problem:
            hint = (
                "; a word that holds a quote goes into quotes of the other kind"
                if "quot" in str(problem)
                else ""
            )
            self.error(f"the line can't be split into words ({str(problem).lower()}){hint}")
        if {"-h", "--help"} & set(words):
            raise HelpWanted(self.format_help())
        try:
            found, unknown = self.parse_known_args(words)
        except argparse.ArgumentError as problem:
            self.error(str(problem))
        if unknown:
            self.error(self._unknown(unknown[0]))
        return found

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is one word too many; put quotes around a name with spaces"
        options = [name for action in self._actions for name in action.option_strings]
        near = nearest(word.split("=")[0], options)
        return f"there is no option {word}" + (f"; did you mean {near}?" if near else "")


def _joined(words: list[str]) -> list[str]:
    """Return the words of a line, a list of variables in one: `-i df, params` means `-i df,params`."""
    found: list[str] = []
    for each in words:
        of_list = len(found) > 1 and found[-2] in ("-i", "--in", "-o", "--out")
        if of_list and (found[-1].endswith(",") or each.startswith(",")):
            found[-1] += each
        else:
            found.append(each)
    return found


def names(text: str) -> list[str]:
    """Return the variable names of a list with commas."""
    return [variable(name) for name in map(str.strip, text.split(",")) if name]


def variable(text: str) -> str:
    """Return the name that Python makes of this one, which a variable can have."""
    name = unicodedata.normalize("NFKC", text)  # µ (U+00B5), as keyboards type it, is μ (U+03BC) to Python
    if name.isidentifier() and not keyword.iskeyword(name):
        return name
    bare = name.strip("'\";: ")
    is_name = bare.isidentifier() and not keyword.iskeyword(bare)
    hint = f"; write {bare}" if is_name else "; give the value a name first"
    raise argparse.ArgumentTypeError(f"{text!r} is not a variable's name{hint}")


def cell_parser() -> LineParser:
    """Return the parser of a `%%job` line."""
    parser = LineParser("%%job", "Run the cell as a background job.")
    add = parser.add_argument
    add("name_", metavar="NAME", nargs="?", type=word, help="the job's name")
    add("-n", "--name", type=word, help="the same, as an option")
    add("-i", "--in", dest="inputs", metavar="VARS", type=names, action="extend", default=[],
        help="notebook variables that the cell gets, by value: df,params")  # fmt: skip
    add("-o", "--out", dest="outputs", metavar="VARS", type=names, action="extend", default=[],
        help="variables that come back: job.result()")  # fmt: skip
    add("-w", "--working-dir", metavar="DIR",
        help="a copy of it is what the cell runs in (the notebook's); none: an empty one")  # fmt: skip
    add(
        "-x",
        "--exclude",
        metavar="GLOB",
        action="append",
        default=[],
        help="leave these paths out of the copy",
    )
    add_python(parser)
    add("-e", "--env", metavar="NAME[=VALUE]", type=pair, action="append", default=[],
        help="set a variable; a NAME alone takes the kernel's value")  # fmt: skip
    add("-t", "--tag", metavar="KEY=VALUE", type=tag, action="append", default=[], help="tag the job")
    add(
        "--retries", metavar="N", type=count, default=0, help="run again after a failure, N times at most (0)"
    )
    add("--timeout", metavar="TIME", type=duration, help="end a run after 90s, 15m, 2h or 1h30m")
    add("-q", "--queue", metavar="NAME", type=word, help="wait in this queue, one job at a time; made if new")
    add("--priority", metavar="N", type=urgency, help="in a PRIORITY queue: 0 is first")
    add_image(parser)
    add_compute(parser)
    add_connection(parser)
    add("--wait", action="store_true", help="wait for the end and print the log; interrupting only detaches")
    add(
        "--as",
        dest="variable",
        metavar="VAR",
        type=variable,
        help="put the job's handle into a variable, too",
    )
    return parser


def line_parsers() -> dict[str, LineParser]:
    """Return the parser of each `%job VERB` line."""
    return {verb: _line_parser(verb, *spec) for verb, spec in _VERBS.items()}


def _line_parser(verb: str, description: str, takes: str) -> LineParser:
    parser = LineParser(f"%job {verb}", description)
    add = parser.add_argument
    if takes != "filters":
        add("job", metavar="NAME", help="a job's name or id")
    if takes == "lines":
        add("-n", "--lines", metavar="N", type=positive, help="how many lines (all)")
        add("--head", action="store_true", help="the first lines instead of the last")
        add("--run", metavar="RUN", help="a run's name (the last run)")
    if takes == "timeout":
        add(
            "--timeout",
            metavar="TIME",
            type=duration,
            default=86400 * 365,
            help="wait no longer than 90s, 15m, 2h or 1h30m",
        )
    if takes == "filters":
        add("-n", "--name", help="only jobs of this name")
        add("-s", "--state", action="append", metavar="STATE", help="only jobs in this state")
        add(
            "-t",
            "--tag",
            metavar="KEY=VALUE",
            type=tag,
            action="append",
            default=[],
            help="only with this tag",
        )
        add("--archived", action="store_true", help="archived jobs as well")
        add("--max", metavar="N", type=positive, default=50, help="how many jobs at most (50)")
    return parser


_VERBS = {
    "show": ("Show the job's panel.", "job"),
    "status": ("Print the job's state.", "job"),
    "logs": ("Print the job's log.", "lines"),
    "wait": ("Wait for the job's end and print its log; interrupting only detaches.", "timeout"),
    "stop": ("End the job.", "job"),
    "list": ("List your jobs, the newest first.", "filters"),
}


def verb_and_rest(line: str) -> tuple[str, str]:
    """Split a `%job` line into its verb and what follows."""
    verb, *more = line.split(maxsplit=1) or [""]
    rest = more[0] if more else ""
    if verb in _VERBS:
        return verb, rest
    if verb in ("-h", "--help", "help"):
        raise HelpWanted(line_help())
    known = ", ".join(_VERBS)
    if not verb:
        raise UsageError(f"%job: say what to do: {known}.")
    near = nearest(verb, _VERBS)
    raise UsageError(
        f"%job: there is no {verb!r}; " + (f"did you mean {near}?" if near else f"use one of {known}.")
    )


def cell_help() -> str:
    """Return what `%%job?` shows."""
    return cell_parser().format_help()


def line_help() -> str:
    """Return what `%job?` shows."""
    parsers: Sequence[LineParser] = list(line_parsers().values())
    usage: Callable[[LineParser], Any] = argparse.ArgumentParser.format_usage
    return "\n".join(f"{usage(parser)[7:].strip()}\n    {parser.description}" for parser in parsers)
