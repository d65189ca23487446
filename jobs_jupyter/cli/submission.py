"""`jupyter jobs submit`: a config from a file, options and a command."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli.completion import compute_names, connection_names, queue_names
from jobs_jupyter.cli.output import document, note
from jobs_jupyter.cli.parser import MADE, UsageError, shared, user_input
from jobs_jupyter.cli.synonyms import Kind, hint
from jobs_jupyter.words import (
    add_compute,
    add_connection,
    add_image,
    add_python,
    compute_of,
    connections_of,
    count,
    duration,
    image_of,
    pair,
    python_of,
    tag,
    urgency,
    word,
)

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs
    from jobs_jupyter.models.job import JobConfig
    from jobs_jupyter.models.queue import JobQueueConfig

EXAMPLE = "jupyter jobs submit -n train -w . -- python train.py --epochs 3"


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "submit",
        parents=shared(home=MADE),
        help="submit a job and print its id",
        usage="jupyter jobs submit [-f FILE] [options] [-- COMMAND …]",
        description="Submit a job and print its id. Options override the file; tags and variables are "
        "added. A COMMAND of one word in quotes is a line of the shell: -- 'python a.py && python b.py'",
        epilog=f"Example: {EXAMPLE}",
    )
    _add_job(parser.add_argument_group("the job"))
    _add_files(parser.add_argument_group("what it finds"))
    place = parser.add_argument_group("what it runs on")
    add_image(place)
    add_compute(place).completer = compute_names  # type: ignore[attr-defined]
    _add_runs(parser.add_argument_group("when it runs"))
    parser.add_argument("stray", nargs="*", help=argparse.SUPPRESS)
    parser.set_defaults(run=_submit)


def _add_job(group: argparse._ArgumentGroup) -> None:
    option = group.add_argument
    option("-f", "--file", metavar="FILE", help="a YAML file of JobConfig fields")
    option("-n", "--name", help="the job's name (one is made up)")
    option("-p", "--project", help="the project that it belongs to (default)")
    option("-t", "--tag", metavar="KEY=VALUE", type=tag, action="append", default=[], help="tag the job")


def _add_files(group: argparse._ArgumentGroup) -> None:
    option = group.add_argument
    option("-w", "--working-dir", metavar="DIR", help="it runs in a copy of this; none: in an empty one")
    option("-x", "--exclude", metavar="GLOB", action="append", default=[],
           help="leave these paths out of the copy")  # fmt: skip
    add_python(group)
    option("-e", "--env", metavar="NAME[=VALUE]", type=pair, action="append", default=[],
           help="set a variable; a NAME alone takes this shell's value")  # fmt: skip
    add_connection(group).completer = connection_names  # type: ignore[attr-defined]


def _add_runs(group: argparse._ArgumentGroup) -> None:
    option = group.add_argument
    option("--retries", metavar="N", type=count, help="run again after a failure, N times at most (1)")
    option("--timeout", metavar="TIME", type=duration, help="end a run after 90s, 15m, 2h or 1h30m")
    queue = option("-q", "--queue", metavar="NAME", type=word,
                   help="wait in this queue; made if new, then one job runs at a time")  # fmt: skip
    queue.completer = queue_names  # type: ignore[attr-defined] # argcomplete looks for it
    option("--priority", metavar="N", type=urgency, help="in a PRIORITY queue: 0 is first")
    option("--wait", action="store_true", help="wait for the end and print the log; Ctrl-C only detaches")
    option("--no-wait", dest="wait", action="store_false", default=argparse.SUPPRESS,
           help="print the id and don't wait, as without --wait")  # fmt: skip


def split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split a submit's arguments at `--` from the command that the job is to run."""
    if arguments[:1] != ["submit"] or "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _submit(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk
    from jobs_jupyter.queueing import lost_priority, submit_into

    if options.stray:
        raise UsageError(f"{options.stray[0]!r} is one word too many; the command goes after --: {EXAMPLE}")
    with user_input():
        config = _config(options)
    if options.queue is None:
        job_id = sdk.submit(config)
    else:
        job_id = submit_into(config, options.queue, _priority(config))
    if lost := lost_priority(config, options.queue, _priority(config)):
        note(lost)
    if not options.json:
        print(job_id, flush=True)
    if options.wait:
        from jobs_jupyter.cli.logs import wait_for

        return wait_for(sdk.status(job_id=job_id), follow=not options.json, as_json=options.json)
    if options.json:
        document({"id": job_id, "name": sdk.status(job_id=job_id).name})
    return 0


def _config(options: argparse.Namespace) -> JobConfig:
    from jobs_jupyter.models.job import JobConfig

    given = _given(options)
    if options.file is not None:
        config = JobConfig.from_yaml(options.file, **given)
    elif "entrypoint" in given:
        config = JobConfig(**given)
    else:
        raise UsageError(f"Say what to run: a file with -f, or a command after --. Example: {EXAMPLE}")
    added: dict[str, Any] = {}
    if options.env:
        added["env_vars"] = {**(config.env_vars or {}), **_variables(options.env)}
    if options.tag:
        added["tags"] = {**(config.tags or {}), **dict(options.tag)}
    if options.exclude:
        if config.working_dir is None and not config.py_modules:
            raise UsageError("--exclude leaves paths out of a directory, and there is none; name it with -w")
        added["excludes"] = [*(config.excludes or []), *options.exclude]
    if options.priority is not None:
        added["job_queue_config"] = _urgent(config, options)
    return config.options(**added) if added else config


def _urgent(config: JobConfig, options: argparse.Namespace) -> JobQueueConfig:
    from jobs_jupyter.models.queue import JobQueueConfig

    if config.job_queue_config is None and options.queue is None:
        raise UsageError("--priority is a place in a queue; name one with --queue")
    return (config.job_queue_config or JobQueueConfig()).options(priority=options.priority)


def _priority(config: JobConfig) -> int | None:
    return config.job_queue_config.priority if config.job_queue_config else None


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that options replace."""
    fields = {
        "entrypoint": _command(options.command),
        "name": options.name,
        "project": options.project,
        "working_dir": options.working_dir,
        "max_retries": options.retries,
        "timeout_s": options.timeout,
        "compute_config": compute_of(options),
        "connections": connections_of(options),
        **python_of(options),
        **image_of(options),
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if options.working_dir == "none":
        given["working_dir"] = None
    return given


def _command(words: list[str]) -> str | None:
    """Return the shell's line that runs these words; a single one is such a line itself."""
    if not any(map(str.strip, words)):
        return None
    return words[0] if len(words) == 1 else shlex.join(words)


def _variables(pairs: list[tuple[str, str | None]]) -> dict[str, str]:
    """Return the variables, those without a value as this shell has them."""
    found = {}
    for name, value in pairs:
        if value is None and name not in os.environ:
            known = f"-e {name}: there is no such variable here; write -e {name}=VALUE"
            raise UsageError(known + hint("submit", "-e", Kind.CLASH))
        found[name] = os.environ[name] if value is None else value
    return found
