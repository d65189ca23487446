"""From a `%%job` line and its cell to a submitted job."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from jobs_jupyter import job as sdk
from jobs_jupyter.job import submission
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import working_directory
from jobs_jupyter.models.state_directory import checked_home
from jobs_jupyter.notebook.cell_names import check_names, chosen
from jobs_jupyter.notebook.handle import Job
from jobs_jupyter.notebook.options import UsageError
from jobs_jupyter.packaging import variables
from jobs_jupyter.packaging.broad import why_broad
from jobs_jupyter.packaging.cell import CELL_ENTRYPOINT, build_cell
from jobs_jupyter.packaging.cell_syntax import parse
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from jobs_jupyter.packaging.local_modules import refuse_lost_modules
from jobs_jupyter.queueing import lost_priority, submit_into
from jobs_jupyter.words import compute_of, connections_of, image_of, python_of

T = TypeVar("T")


def submit_cell(
    options: argparse.Namespace, source: str, namespace: Mapping[str, Any], *, lines_above: int = 1
) -> Job:
    """Package the cell as the options say and submit it.

    Everything that can be wrong is found before the service hears of the job.

    Args:
        options: those of its `%%job` line.
        source: the cell without that line.
        namespace: the notebook's variables.
        lines_above: how many lines the editor shows above the source.
    """
    if not source.strip():
        raise UsageError("%%job: the cell is empty; write below the %%job line what the job shall do.")
    values = chosen(options.inputs, namespace)
    check_names(source, options.inputs, options.outputs, namespace, lines_above)
    name = _name(options)
    settings = {
        "name": name,
        "entrypoint": CELL_ENTRYPOINT,
        "max_retries": options.retries,
        "timeout_s": options.timeout,
        "env_vars": _environment(options.env) or None,
        "tags": dict(options.tag) or None,
        "excludes": options.exclude or None,
        "compute_config": _read(compute_of, options),
        "connections": _read(connections_of, options),
        **_read(python_of, options),
        **image_of(options),
    }
    config = JobConfig(**{key: value for key, value in settings.items() if value is not None})
    inputs, directory = variables.dump_all(values), _directory(options)
    if not (
        options.image or options.containerfile or options.py_executable
    ):  # whose Pythons have what they have
        refuse_lost_modules(inputs, parse(source), directory, options.py_module)
    files = build_cell(
        source,
        inputs=inputs,
        outputs=options.outputs,
        notebook=None,
        lines_above=lines_above,
    )

    def packaged() -> Snapshot:
        return snapshot(directory, options.exclude, extra=files, home=checked_home())

    job_id = _submit(config, packaged, options.queue, options.priority)
    return Job(job_id, config.name or sdk.status(id=job_id).name)


def _submit(
    config: JobConfig, packaged: Callable[[], Snapshot], queue: str | None, priority: int | None
) -> str:
    """Submit into the queue of that name; the first job makes it, with the defaults."""

    def send(config: JobConfig) -> str:
        return str(submission.submit(config, packaged)["id"])

    if queue is not None:
        job_id = submit_into(config, queue, priority, send)
        if lost := lost_priority(config, queue, priority):
            print(lost)
        return job_id
    if priority is not None:
        raise UsageError("%%job: --priority is a place in a queue; name one with --queue.")
    return send(config)


def _read(what: Callable[[argparse.Namespace], T], options: argparse.Namespace) -> T:
    try:
        return what(options)
    except ValueError as problem:
        raise UsageError(f"%%job: {problem}") from None


def _name(options: argparse.Namespace) -> str | None:
    if options.name and options.name_:
        raise UsageError(f"%%job: two names, {options.name_!r} and {options.name!r}; give one.")
    return options.name or options.name_  # type: ignore[no-any-return]


def _environment(given: list[tuple[str, str | None]]) -> dict[str, str]:
    for name, value in given:
        if value is None and name not in os.environ:
            raise UsageError(
                f"%%job: -e {name}: the kernel's environment has no variable {name!r}; "
                f"set it with os.environ, or write -e {name}=VALUE."
            )
    return {name: os.environ[name] if value is None else value for name, value in given}


def _directory(options: argparse.Namespace) -> Path | None:
    """Return the directory to package; None for an empty one."""
    if options.working_dir == "none":
        if options.exclude:
            raise UsageError("%%job: --exclude leaves paths out of a directory, and -w none has none.")
        return None
    if options.working_dir is not None and "://" in options.working_dir:
        raise UsageError(
            f"%%job: -w {options.working_dir}: a cell is packaged together with its directory, which has to "
            "be a local one. Read what is there in the cell, or submit a command: "
            f"jupyter jobs submit -w {options.working_dir} -- COMMAND"
        )
    if options.working_dir is not None:
        return Path(os.path.expanduser(options.working_dir))
    here = working_directory()
    if why := why_broad(here):
        print(f"Not packaging {here}: it is {why}. Pass -w . to include it.")
        return None
    return here
