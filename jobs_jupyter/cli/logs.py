"""`jupyter jobs logs | wait`: following a job; Ctrl-C only detaches."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli import runs
from jobs_jupyter.cli.job_argument import add_job, meant
from jobs_jupyter.cli.output import document, duration, note, printable
from jobs_jupyter.cli.parser import STATES, UsageError, shared, state
from jobs_jupyter.words import duration as seconds
from jobs_jupyter.words import positive

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs
    from jobs_jupyter.models.job import JobStatus

FOREVER_S = 86400 * 365
FIRST_TAIL = 1 << 16  # bytes
INTERRUPTED = 130


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    logs = verbs.add_parser("logs", parents=shared(project=True), help="print a job's log")
    add_job(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the job's end")
    logs.add_argument("--lines", metavar="N", type=positive, help="how many lines (all)")
    logs.add_argument("--tail", dest="lines", metavar="N", type=positive, nargs="?", action=Tail,
                      default=argparse.SUPPRESS, help="the last lines, as without --head")  # fmt: skip
    logs.add_argument("--head", action="store_true", help="the first lines instead of the last")
    logs.add_argument("--run", dest="run_name", metavar="RUN", help="a run's number or name (the last run)")
    logs.add_argument("--setup", action="store_true",
                      help="what preparing the run printed: building its environment or image")  # fmt: skip
    logs.set_defaults(run=_logs)

    wait = verbs.add_parser(
        "wait",
        parents=shared(project=True),
        help="wait for a job's end",
        description="Wait for a job's end. Exit code 1: it did not succeed, 3: the time was up.",
    )
    add_job(wait)
    wait.add_argument("--state", type=state, choices=STATES, default="SUCCEEDED", metavar="STATE",
                      help="wait for this state instead of SUCCEEDED")  # fmt: skip
    wait.add_argument("--timeout", metavar="TIME", type=seconds, default=FOREVER_S,
                      help="no longer than 90s, 15m, 2h or 1h30m")  # fmt: skip
    wait.add_argument("-f", "--follow", action="store_true", help="print the log meanwhile")
    wait.set_defaults(run=_wait)


class Tail(argparse.Action):
    """`--tail N`, which is `--lines N`; alone it says what is done anyway."""

    def __call__(self, _: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:  # noqa: ARG002
        """Set how many lines, if it says so."""
        namespace.tail = True
        if values is not None:
            namespace.lines = values


def _wait(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    if options.follow and options.json:
        raise UsageError("--json and --follow exclude each other: both print to stdout")
    status = sdk.status(**meant(options.job, options))
    return wait_for(status, options.state, options.timeout, follow=options.follow, as_json=options.json)


def wait_for(
    status: JobStatus,
    wanted: str = "SUCCEEDED",
    timeout_s: float = FOREVER_S,
    *,
    follow: bool = False,
    as_json: bool = False,
) -> int:
    """Wait for a job and say what became of it.

    Returns:
        The exit code: 1 where it ended in another state than the one that is wanted.

    Raises:
        TimeoutError: the time is up.
    """
    return _detachable(status, lambda: _waited(status, wanted, timeout_s, follow, as_json))


def _waited(status: JobStatus, wanted: str, timeout_s: float, follow: bool, as_json: bool) -> int:
    from jobs_jupyter import job as sdk
    from jobs_jupyter.models.errors import JobStateError

    late = ended_otherwise = False
    if sys.stderr.isatty() and not (follow or status.terminal):
        note(f"{status.name} is {status.state}; Ctrl-C only ends the waiting.")
    try:
        sdk.wait(job_id=status.id, state=wanted, timeout_s=timeout_s, follow=follow)
    except JobStateError:
        ended_otherwise = True
    except TimeoutError:
        late = True
    now = sdk.status(job_id=status.id)
    if as_json:
        from jobs_jupyter.cli.jobs import plain

        document(plain(now))
    if late:
        raise TimeoutError(f"{now.name} is {now.state} after {timeout_s:g} s, not {wanted}; it goes on.")
    if ended_otherwise:
        raise _failure(now, follow)
    if not as_json:
        _report(f"{now.name} {now.state} {duration(now.started_at, now.ended_at)}", follow)
    return 0


def _failure(now: JobStatus, follow: bool) -> Exception:
    from jobs_jupyter.models.errors import JobStateError
    from jobs_jupyter.models.why import why

    said = why(now.state, now.reason, now.error)
    log = "" if follow else f" See: jupyter jobs logs {now.id}"
    end = f"{now.name} {now.state}{f': {said}' if said else ''}".removesuffix(".")
    return JobStateError(f"{end}.{log}")


def _report(text: str, follow: bool) -> None:
    if follow:  # stdout holds the log
        note(text)
    else:
        print(printable(text).rstrip())


def _detachable(status: JobStatus, do: Callable[[], int]) -> int:
    try:
        return do()
    except KeyboardInterrupt:
        sys.stdout.flush()
        if sys.stderr.isatty():
            print(file=sys.stderr)  # below the ^C
        job = shlex.quote(status.name)
        note(f"Detached; {status.name} goes on. Wait again: jupyter jobs wait {job}   "
             f"End it: jupyter jobs terminate {job}")  # fmt: skip
        return INTERRUPTED


def _logs(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    if options.head and getattr(options, "tail", False):
        raise UsageError("--head and --tail exclude each other")
    if options.follow and (options.json or options.head):
        raise UsageError(f"{'--json' if options.json else '--head'} and --follow exclude each other")
    status = sdk.status(**meant(options.job, options))
    run = _run_of(status, options.run_name)
    if options.follow:
        follow = _follow_setup if options.setup else _follow
        return _detachable(status, lambda: follow(status, run, options))
    text = _text(status.id, run, options)
    if options.json:
        document({"id": status.id, "name": status.name, "run": run, "log": text})
    else:
        print(text, end="")
        if options.setup and not text:
            note(f"Nothing had to be prepared for {status.name}.")
    return 0


def _text(job_id: str, run: str | None, options: argparse.Namespace) -> str:
    from jobs_jupyter import job as sdk
    from jobs_jupyter.job.setup_log import get_setup_log

    mode = "HEAD" if options.head else "TAIL"
    if options.setup:
        return get_setup_log(job_id, run, mode=mode, max_lines=options.lines)
    return sdk.get_logs(job_id=job_id, run=run, mode=mode, max_lines=options.lines)


def _run_of(status: JobStatus, wanted: str | None) -> str | None:
    """Return the name of the run that is meant: the last one unless said."""
    if wanted is not None:
        return runs.run_of(status, wanted).name
    return status.runs[-1].name if status.runs else None


def _follow(status: JobStatus, run: str | None, options: argparse.Namespace) -> int:
    """Print the log of a run as it is written, and of those that follow it unless one was asked for."""
    names = [known.name for known in status.runs]
    passed = set(names[: names.index(run)] if run else [])
    shown = False
    for attempt, name in _runs(status.id):
        if name in passed:
            continue
        if shown:
            note(f"[{name}] run {attempt}")
        shown = True
        _stream(status.id, name, options.lines if name == run else None)
        if options.run_name:
            break
    return 0


def _follow_setup(status: JobStatus, run: str | None, options: argparse.Namespace) -> int:
    """Print the setup log of a run as it is written, of the first one where there is none yet."""
    from jobs_jupyter.client.streams import events

    for event in events(status.id, time.monotonic() + FOREVER_S):
        run = run or next((known["name"] for known in event["job"].get("runs", ())), None)
        if run is not None:
            _stream(status.id, run, options.lines, "setup")
        if run is not None or event["job"]["state"] in STATES[2:]:
            break
    return 0


def _runs(job_id: str) -> Iterator[tuple[int, str]]:
    """Yield each run of a job, with its number, once it has begun; until the job's end."""
    from jobs_jupyter.client.streams import events
    from jobs_jupyter.models.errors import JobStateError

    seen = set()
    for event in events(job_id, time.monotonic() + FOREVER_S):
        if event["kind"] == "deleted":
            raise JobStateError(f"The job {job_id} was deleted.")
        for run in event["job"]["runs"]:
            if run["state"] != "STARTING" and run["name"] not in seen:
                seen.add(run["name"])
                yield run["attempt"], run["name"]
        if event["job"]["state"] in STATES[2:]:
            return


def _stream(job_id: str, run: str, lines: int | None, kind: str = "log") -> None:
    from jobs_jupyter.client.streams import log

    start, before = _tail(job_id, run, lines, kind) if lines else (0, b"")
    _write(before)
    last = before
    for chunk in log(job_id, run, time.monotonic() + FOREVER_S, start, kind):
        _write(chunk)
        last = chunk or last
    if last and not last.endswith(b"\n"):
        _write(b"\n")


def _tail(job_id: str, run: str, lines: int, kind: str) -> tuple[int, bytes]:
    """Return a log's last lines as it is now, and the offset behind them."""
    from jobs_jupyter.client.http import client
    from jobs_jupyter.models.log_gap import mark

    path, size = f"/v1/jobs/{job_id}/runs/{run}/{kind}", FIRST_TAIL
    while True:
        answer = client.request("GET", path, query={"offset": -size})
        start, content = int(answer.headers["X-Log-Offset"]), answer.content
        left_out = start > max(0, int(answer.headers["X-Log-Size"]) - size)
        if start == 0 or left_out or content[:-1].count(b"\n") >= lines:
            break
        size *= 4
    end = start + len(content)
    if left_out and (gap := answer.headers.get("X-Log-Gap")):
        content = mark(_length(gap)) + content
    cut = content.removesuffix(b"\n").split(b"\n")[:-lines]
    return end, content[sum(map(len, cut)) + len(cut) :]


def _length(gap: str) -> int:
    start, _, end = gap.partition("-")
    return int(end) - int(start)


def _write(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()
