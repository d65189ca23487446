"""One run of a job: which is meant, and how it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs_jupyter.cli.output import cpu_time, document, duration, fields, moment
from jobs_jupyter.cli.parser import did_you_mean
from jobs_jupyter.models.errors import JobsError
from jobs_jupyter.models.sizes import human
from jobs_jupyter.models.why import exception

if TYPE_CHECKING:
    from jobs_jupyter.models.job import JobRunStatus, JobStatus


class RunNotFoundError(JobsError, LookupError):
    """A job has no run of that name or number."""


def run_of(status: JobStatus, wanted: str) -> JobRunStatus:
    """Return the run of that name or number, the first being 1.

    Raises:
        RunNotFoundError: the job has no such run.
    """
    names = [run.name for run in status.runs]
    if wanted in names:
        return status.runs[names.index(wanted)]
    if wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted) <= len(names):
        return status.runs[int(wanted) - 1]
    hint = did_you_mean(wanted, names) or f"; its runs: {', '.join(names) or 'none has begun'}"
    raise RunNotFoundError(f"{status.name} has no run {wanted!r}{hint}")


def show(run: JobRunStatus, *, as_json: bool) -> None:
    """Print what is known of a run."""
    if as_json:
        document(run.to_dict())
        return
    fields(
        [
            ("run", run.name),
            ("number", "" if run.attempt is None else str(run.attempt)),
            ("state", str(run.state)),
            ("reason", run.reason or ""),
            ("error", exception(run.error) if run.error else ""),
            ("created", moment(run.created_at)),
            ("started", moment(run.started_at)),
            ("ended", moment(run.ended_at)),
            ("duration", duration(run.started_at, run.ended_at)),
            ("CPU time", "" if run.cpu_time_s is None else cpu_time(run.cpu_time_s)),
            ("peak memory", "" if run.peak_memory is None else human(run.peak_memory)),
        ]
    )
