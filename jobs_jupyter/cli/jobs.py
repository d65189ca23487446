"""`jupyter jobs status | list | terminate | archive | delete`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli import runs
from jobs_jupyter.cli.job_argument import add_job, meant
from jobs_jupyter.cli.output import (
    age,
    complain,
    cpu_time,
    document,
    duration,
    fields,
    moment,
    note,
    printable,
    table,
)
from jobs_jupyter.cli.parser import STATES, shared, state, user_input
from jobs_jupyter.models.sizes import human
from jobs_jupyter.models.why import exception, why
from jobs_jupyter.words import positive, tag

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs
    from jobs_jupyter.models.job import JobStatus

SORTS = ("STATUS", "CREATED_AT", "LAST_UPDATED_AT", "LAST_STATUS_UPDATED_AT", "ENDED_AT", "NAME", "ID")
ORDERS = ("ASC", "DESC")
TIMES = ("created-at", "updated-at", "status-updated-at")
LIST_MAX = 50
COLUMNS = ("ID", "NAME", "STATE", "AGE", "DURATION", "REASON", "TAGS")
SPARE = ("ID", "TAGS", "REASON", "DURATION", "AGE")  # of a narrow terminal: a job is found by its name, too
RUN_COLUMNS = ("RUN", "STATE", "AGE", "DURATION", "CPU", "MEMORY", "REASON")
SPARE_OF_A_RUN = ("AGE", "CPU", "MEMORY", "REASON")
_DONE = {"terminate": "is being ended", "archive": "is archived", "delete": "is deleted"}


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    status = verbs.add_parser("status", parents=shared(project=True), help="show a job and its runs")
    add_job(status)
    status.add_argument("--run", dest="run_name", metavar="RUN", help="one run: its number, or its name")
    status.set_defaults(run=_status)
    _add_list(verbs)
    for verb, text in (
        ("terminate", "end jobs; their processes get SIGTERM, then SIGKILL"),
        ("archive", "hide jobs that have ended"),
        ("delete", "delete jobs that have ended, with their logs, for good"),
    ):
        asks = " On a terminal it asks first, in a script it does not." if verb == "delete" else ""
        said = f"{text.capitalize()}.{asks}"
        parser = verbs.add_parser(verb, parents=shared(project=True), help=text, description=said)
        add_job(parser, many=True)
        parser.set_defaults(run=_each, verb=verb, yes=True)
        if verb == "delete":
            parser.add_argument("-y", "--yes", action="store_true", default=False, help="don't ask")


def _add_list(verbs: Verbs) -> None:
    parser = verbs.add_parser("list", parents=shared(), help="list your jobs, the newest first")
    option = parser.add_argument_group("which jobs").add_argument
    option("-n", "--name", help="only jobs of this name")
    option("--id", metavar="ID", help="only the job with this id")
    option("-p", "--project", help="only jobs of this project (all)")
    option("-s", "--state", action="append", type=state, choices=STATES, metavar="STATE",
           help="only jobs in this state: " + ", ".join(STATES))  # fmt: skip
    option("-t", "--tag", metavar="KEY=VALUE", type=tag, action="append", default=[],
           help="only with this tag")  # fmt: skip
    option("--archived", action="store_true", help="archived jobs as well")
    option("--all-users", action="store_true", help="other users' jobs as well")
    for field in TIMES:
        for end, when in (("from", "at this time or later"), ("to", "at this time or earlier")):
            option(
                f"--{field}-{end}", metavar="TIME", help=f"only jobs {field[:-3].replace('-', ' ')} {when}"
            )
    option = parser.add_argument_group("how many, in which order").add_argument
    option("--max", metavar="N", type=positive, default=LIST_MAX, help=f"how many jobs at most ({LIST_MAX})")
    option("--sort", type=_field, choices=SORTS, metavar="FIELD",
           help=f"{', '.join(SORTS)} (CREATED_AT)")  # fmt: skip
    option("--order", type=state, choices=ORDERS, metavar="ORDER", help="ASC or DESC (DESC)")
    parser.set_defaults(run=_list)


def _time_names() -> list[str]:
    """Return the names of the filters by time, as the SDK has them."""
    return [f"{field}_{end}".replace("-", "_") for field in TIMES for end in ("from", "to")]


def _field(text: str) -> str:
    return text.upper().replace("-", "_")


def plain(status: JobStatus) -> dict[str, Any]:
    """Return a status for JSON; the values of its variables are masked, as wherever it is shown."""
    data = status.to_dict()
    if variables := data["config"].get("env_vars"):
        data["config"]["env_vars"] = dict.fromkeys(variables, "***")
    return data


def _status(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    status = sdk.status(**meant(options.job, options))
    if options.run_name is not None:
        runs.show(runs.run_of(status, options.run_name), as_json=options.json)
    elif options.json:
        document(plain(status))
    else:
        _show(status)
    return 0


def _show(status: JobStatus) -> None:
    fields(
        [
            ("name", status.name),
            ("id", status.id),
            ("state", str(status.state)),
            ("reason", why(status.state, status.reason, None)),
            ("error", exception(status.error) if status.error else ""),
            *(("note", notice) for notice in status.notices or ()),
            ("project", status.project or ""),
            ("created", moment(status.created_at)),
            ("started", moment(status.started_at)),
            ("ended", moment(status.ended_at)),
            ("duration", duration(status.started_at, status.ended_at)),
            ("archived", moment(status.archived_at)),
            ("tags", _tags(status)),
            ("queue", _queue(status)),
            ("asks for", _asked(status)),
            ("retries", f"{status.max_runs - 1} at most" if status.max_runs and status.max_runs > 1 else ""),
            ("timeout", f"{status.config.timeout_s} s a run" if status.config.timeout_s else ""),
            ("command", status.config.entrypoint),
        ]
    )
    if status.runs:
        print()
        rows = [
            (
                run.name,
                str(run.state),
                age(run.created_at),
                duration(run.started_at, run.ended_at),
                "" if run.cpu_time_s is None else cpu_time(run.cpu_time_s),
                "" if run.peak_memory is None else human(run.peak_memory),
                why(str(run.state), run.reason, run.error),
            )
            for run in status.runs
        ]
        table(RUN_COLUMNS, rows, SPARE_OF_A_RUN)


def _queue(status: JobStatus) -> str:
    wanted = status.config.job_queue_config
    spec = wanted.job_queue_spec if wanted else None
    name = (wanted.target_job_queue_name if wanted else None) or (spec.name if spec else None) or ""
    return f"{name}, priority {wanted.priority}" if wanted and wanted.priority is not None else name


def _asked(status: JobStatus) -> str:
    """Return the compute config: its name, or the inline one without what it leaves out."""
    asked = status.config.compute_config
    if asked is None or isinstance(asked, str):
        return asked or ""
    return json.dumps(asked.to_dict(exclude_unset=True))


def _tags(status: JobStatus) -> str:
    return " ".join(f"{key}={value}" for key, value in (status.tags or {}).items())


def _list(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    tags: dict[str, list[str]] = {}
    for key, value in options.tag:
        tags.setdefault(key, []).append(value)
    with user_input():
        found = sdk.list(
            name=options.name,
            job_id=options.id,
            project=options.project,
            state_filter=options.state,
            tags_filter=tags or None,
            include_archived=options.archived,
            include_all_users=options.all_users,
            max_items=options.max + 1,
            sort_field=options.sort,
            sort_order=options.order,
            **{name: getattr(options, name) for name in _time_names()},
        )
    jobs = list(islice(found, options.max + 1))
    shown = jobs[: options.max]
    if options.json:
        document([plain(status) for status in shown])
    elif shown:
        table(COLUMNS, [_row(status) for status in shown], SPARE, brief=("REASON",))
    elif sys.stdout.isatty():
        note("There are no such jobs.")
    if len(jobs) > len(shown) and sys.stderr.isatty():
        note(f"There are more; --max {2 * options.max} shows twice as many.")
    return 0


def _row(status: JobStatus) -> tuple[str, ...]:
    return (
        status.id,
        status.name,
        str(status.state),
        age(status.created_at),
        duration(status.started_at, status.ended_at),
        why(status.state, status.reason, status.error),
        _tags(status),
    )


def _each(options: argparse.Namespace) -> int:
    """Do one thing to several jobs; those that it fails for are named, the others done."""
    from jobs_jupyter import job as sdk
    from jobs_jupyter.models.errors import JobsError

    do: Callable[..., str] = getattr(sdk, options.verb)
    done: list[dict[str, str]] = []
    for name in options.jobs:
        try:
            status = sdk.status(**meant(name, options))
            if not _agreed(status, options):
                done.append({"job": name, "error": "not confirmed"})
                continue
            done.append({"job": name, "id": do(job_id=status.id)})
        except JobsError as problem:
            complain(problem)
            done.append({"job": name, "error": str(problem)})
        else:
            _say(status, options)
    if options.json:
        document(done)
    return int(any("error" in entry for entry in done))


def _agreed(status: JobStatus, options: argparse.Namespace) -> bool:
    """Ask before what can't be undone, if there is somebody to ask."""
    if options.yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    question = f"Delete {printable(status.name)} ({status.id}) with its logs, for good? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _say(status: JobStatus, options: argparse.Namespace) -> None:
    if options.json:
        return
    ended = options.verb == "terminate" and status.terminal
    what = f"has ended already: {status.state}" if ended else _DONE[options.verb]
    print(f"{printable(status.name)} ({status.id}) {what}", flush=True)
