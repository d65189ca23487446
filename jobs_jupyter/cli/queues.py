"""`jupyter jobs queues list | status | update | archive | terminate | delete`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli.completion import queue_names
from jobs_jupyter.cli.job_argument import add_stand_ins, is_id
from jobs_jupyter.cli.output import age, document, fields, moment, note, printable, table
from jobs_jupyter.cli.parser import Parser, UsageError, shared, user_input
from jobs_jupyter.words import idle, positive, word

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs
    from jobs_jupyter.models.queue_status import JobQueueStatus

COLUMNS = ("ID", "NAME", "PROJECT", "STATE", "MODE", "AT ONCE", "ACTIVE", "SUCCEEDED", "FAILED", "AGE")
SPARE = ("ID", "AGE", "PROJECT", "MODE")
_ID = re.compile(r"jobqueue_[a-z0-9]{26}")
_ACTS = {
    "archive": ("let a queue take no more jobs; those in it go on", "takes no more jobs"),
    "terminate": ("end a queue's jobs, then its cluster", "is being ended with its jobs"),
    "delete": ("delete a queue whose jobs have ended; they stay", "is deleted; its jobs stay"),
}


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    queues: Parser = verbs.add_parser("queues", help="look at job queues, change them, put them away")
    actions = queues.add_subparsers(title="actions", required=True, metavar="ACTION")
    listed = actions.add_parser("list", parents=shared(), help="list the queues, the newest first")
    listed.add_argument("-p", "--project", type=word, help="only queues of this project (all)")
    listed.add_argument("-n", "--name", help="only the queue of this name")
    listed.add_argument("--id", help="only the queue with this id")
    listed.add_argument("--max", metavar="N", type=positive, help="how many queues at most (all)")
    listed.set_defaults(run=_list)
    _add_action(actions, "status", "show a queue, and count its jobs").set_defaults(run=_status)
    change = _add_action(actions, "update", "change a queue, also while its jobs run")
    change.add_argument("--max-concurrency", metavar="N", type=positive, help="how many jobs run at once")
    change.add_argument("--idle-timeout", metavar="TIME", type=idle,
                        help="stop its cluster after 15m or 1h30m without a job; 0: at once")  # fmt: skip
    change.set_defaults(run=_update)
    for act, (text, _) in _ACTS.items():
        _add_action(actions, act, text).set_defaults(run=_act, act=act)


def _add_action(actions: Any, name: str, text: str) -> Parser:
    action: Parser = actions.add_parser(name, parents=shared(), help=text, description=text.capitalize())
    queue = action.add_argument("queue", metavar="NAME", type=word, help="a queue's name or id")
    add_stand_ins(action, queue, "queue", queue_names)
    action.add_argument("-p", "--project", type=word, help="where the name is looked for (default)")
    return action


def _meant(options: argparse.Namespace) -> dict[str, Any]:
    """Return the SDK's arguments for a queue that is named, or given by its id."""
    if is_id(options.queue, _ID):
        return {"id": str(options.queue)}
    return {"name": str(options.queue), "project": options.project}


def _list(options: argparse.Namespace) -> int:
    from jobs_jupyter import job_queue

    listed = job_queue.list(project=options.project, include_archived=True)
    found = [queue for queue in listed if _is_wanted(queue, options)][: options.max]
    if options.json:
        document([queue.to_dict() for queue in found])
    elif found:
        nameless = any(not queue.name for queue in found)  # such a one is found by its id alone
        table(COLUMNS, [_row(queue) for queue in found], SPARE[1:] if nameless else SPARE)
    elif sys.stdout.isatty():
        note("There are no queues. The first job that names one makes it.")
    return 0


def _is_wanted(queue: JobQueueStatus, options: argparse.Namespace) -> bool:
    return options.name in (None, queue.name) and options.id in (None, queue.id)


def _row(queue: JobQueueStatus) -> tuple[str, ...]:
    counts = (queue.max_concurrency, queue.active_jobs, queue.successful_jobs, queue.failed_jobs)
    names = (queue.id, queue.name or "", queue.project, str(queue.state), str(queue.execution_mode))
    return (*names, *map(str, counts), age(queue.created_at))


def _status(options: argparse.Namespace) -> int:
    from jobs_jupyter import job_queue

    queue = job_queue.status(**_meant(options))
    if options.json:
        document(queue.to_dict())
    else:
        _show(queue)
    return 0


def _show(queue: JobQueueStatus) -> None:
    threshold = queue.auto_termination_threshold_job_count
    fields(
        [
            ("name", queue.name or ""),
            ("id", queue.id),
            ("project", queue.project),
            ("state", str(queue.state)),
            ("mode", str(queue.execution_mode)),
            ("at once", str(queue.max_concurrency)),
            ("jobs", _counts(queue)),
            ("cluster", "up" if queue.cluster_is_up else "down"),
            ("idle timeout", f"{queue.idle_timeout_s} s"),
            ("renewed after", f"{threshold} jobs" if threshold else ""),
            ("created", moment(queue.created_at)),
            ("creator", queue.creator_id),
            ("tags", " ".join(f"{key}={value}" for key, value in (queue.tags or {}).items())),
        ]
    )


def _counts(queue: JobQueueStatus) -> str:
    ended = f"{queue.successful_jobs} succeeded, {queue.failed_jobs} failed"
    return f"{queue.active_jobs} active, {ended}, {queue.total_jobs} in all"


def _update(options: argparse.Namespace) -> int:
    from jobs_jupyter import job_queue

    given = {"max_concurrency": options.max_concurrency, "idle_timeout_s": options.idle_timeout}
    if all(value is None for value in given.values()):
        raise UsageError("Say what to change: --max-concurrency or --idle-timeout")
    with user_input():
        queue = job_queue.update(**_meant(options), **given)
    if options.json:
        document(queue.to_dict())
    return 0


def _act(options: argparse.Namespace) -> int:
    from jobs_jupyter import job_queue

    do: Callable[..., str] = getattr(job_queue, options.act)
    queue_id = do(**_meant(options))
    if options.json:
        document({"id": queue_id})
    else:
        print(f"{printable(options.queue)} {_ACTS[options.act][1]}")
    return 0
