"""The magics: `%%job` submits a cell, `%job` does the rest from a line.

What a user did wrong is said in one red line; a traceback is for our own mistakes.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable
from typing import Any, NoReturn

from IPython.core.getipython import get_ipython
from pydantic import ValidationError

from jobs_jupyter import job as sdk
from jobs_jupyter.models.errors import JobsError
from jobs_jupyter.models.job import TERMINAL
from jobs_jupyter.models.refusal import sentence
from jobs_jupyter.models.why import why
from jobs_jupyter.notebook.cell import submit_cell
from jobs_jupyter.notebook.handle import FOREVER_S, Job, get
from jobs_jupyter.notebook.options import HelpWanted, UsageError, cell_parser, line_parsers, verb_and_rest

RED, PLAIN = "\033[31m", "\033[0m"


class JobError(Exception):
    """What went wrong, in one line: IPython shows it in red and without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [f"{RED}{self}{PLAIN}"]


def _said_plainly(magic: Callable[..., Any]) -> Callable[..., Any]:
    """Turn what a user can cause into one red line."""

    @functools.wraps(magic)
    def plain(*arguments: Any) -> Any:
        try:
            return magic(*arguments)
        except ValidationError as problem:
            said = sentence(problem)
        except (JobsError, UsageError, ValueError, TypeError, OSError) as problem:
            if not isinstance(problem, JobsError | UsageError | OSError) and not _is_ours(problem):
                raise
            said = str(problem)
        except HelpWanted as help_text:
            print(help_text)
            return None
        raise JobError(said) from None

    return plain


def _is_ours(problem: BaseException) -> bool:
    """Whether an argument check of this package raised it, rather than a mistake in the code."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("jobs_jupyter.")


def refuse(said: str) -> NoReturn:
    """Say in one line what is wrong with a cell as a whole."""
    raise JobError(said)


@_said_plainly
def run_cell(line: str, source: str) -> Job:
    """Submit a cell; see the options' help."""
    options = cell_parser().read(line)
    shell = get_ipython()
    job = submit_cell(options, source, shell.user_ns if shell else {}, lines_above=_lines_above(shell))
    if options.variable and shell:
        shell.user_ns[options.variable] = job
    if options.wait:
        print(job)
        _follow(job, FOREVER_S)
    return job


def _lines_above(shell: Any) -> int:
    """Return how many lines the editor shows above the cell's source, the `%%job` line among them."""
    parent = shell.get_parent() if hasattr(shell, "get_parent") else {}
    code = str(parent.get("content", {}).get("code", ""))
    lines = code.split("\n")
    return next((number for number, line in enumerate(lines, 1) if line.lstrip().startswith("%%job")), 1)


@_said_plainly
def run_line(line: str) -> Any:
    """Do what a `%job` line says."""
    verb, rest = verb_and_rest(line)
    return _DO[verb](line_parsers()[verb].read(rest))


def _show(options: argparse.Namespace) -> Job:
    return get(options.job)


def _status(options: argparse.Namespace) -> None:
    status = get(options.job).status()
    runs = f"run {len(status.runs)} of {status.max_runs}" if status.runs else ""
    said = why(status.state, status.reason, status.error)
    print("  ".join(filter(None, [str(status.state), status.name, runs, said, status.id])))


def _logs(options: argparse.Namespace) -> None:
    mode = "HEAD" if options.head else "TAIL"
    print(get(options.job).logs(options.lines, run=options.run, mode=mode), end="")


def _wait(options: argparse.Namespace) -> None:
    _follow(get(options.job), options.timeout)


def _stop(options: argparse.Namespace) -> None:
    job = get(options.job)
    state = job.state
    job.stop()
    print(f"{job.name} has ended already: {state}." if state in TERMINAL else f"Stopping {job.name}.")


def _list(options: argparse.Namespace) -> Any:
    tags: dict[str, list[str]] = {}
    for key, value in options.tag:
        tags.setdefault(key, []).append(value)
    return sdk.list(
        name=options.name,
        state_filter=options.state,
        tags_filter=tags or None,
        include_archived=options.archived,
        max_items=options.max,
    )


def _follow(job: Job, timeout_s: float) -> None:
    """Print the log until the job's end; an interrupt leaves the job alone."""
    try:
        job.wait(timeout_s, follow=True)
    except KeyboardInterrupt:
        print(f"\nDetached; the job goes on. Wait again: %job wait {job.name}   End it: %job stop {job.name}")
    except RuntimeError:
        status = job.status()
        said = why(status.state, status.reason, status.error)
        raise JobError(f"{status.name} {status.state}{f': {said}' if said else ''}") from None


_DO: dict[str, Callable[[argparse.Namespace], Any]] = {
    "show": _show,
    "status": _status,
    "logs": _logs,
    "wait": _wait,
    "stop": _stop,
    "list": _list,
}
