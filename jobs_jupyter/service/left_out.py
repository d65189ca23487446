"""Files that a job misses since a rule left them out of its copy of the directory."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from jobs_jupyter.models.paths import JobPaths, RunPaths
from jobs_jupyter.service import cell_report
from jobs_jupyter.service.outcome import LEFT_OUT, Outcome

TAIL = 16384  # bytes of the log, in which a program says why it fails
_MISSING = re.compile(
    r"no such file|not ?found|do(?:es not|esn't) exist|(?:cannot|can't) (?:find|open)|no module named",
    re.IGNORECASE,
)
_WORD = re.compile(r"'([^'\n]+)'|\"([^\"\n]+)\"|([^\s'\":,;()]+)")
_MODULE = re.compile(r"No module named '?([\w.]+)")


def save(job: JobPaths, left_out: Mapping[str, str]) -> None:
    """Keep which paths were left out of a job's directory, each with its rule, while there is the job."""
    if left_out:
        with contextlib.suppress(OSError):  # it only helps
            job.left_out.write_text(json.dumps(dict(left_out)))


def is_known(job: JobPaths) -> bool:
    """Tell whether anything was left out."""
    return job.left_out.exists()


def noted(outcome: Outcome, job: JobPaths, run: RunPaths) -> Outcome:
    """Return how a run ended, with a sentence where it failed for a file that was left out."""
    if outcome.succeeded or outcome.cause != "exit":
        return outcome
    try:
        left_out: dict[str, str] = json.loads(job.left_out.read_text())
    except (OSError, ValueError):
        return outcome
    for path in _missed(run):
        for place, rule in left_out.items():
            if path == place or path.startswith(f"{place}/"):
                return replace(outcome, left_out=_sentence(place, rule))
    return outcome


def _sentence(place: str, rule: str) -> str:
    remedy = f" Exclude '!{place}' (-x, excludes) to take it in." if rule.endswith(")") else ""
    return f"{place!r} {LEFT_OUT} by {rule}.{remedy}"


def _missed(run: RunPaths) -> Iterator[str]:
    """Yield the paths, within the directory, that a run says it did not find; the last one first."""
    error = cell_report.content(run.error) or b""
    for line in reversed([*_tail(run.log).splitlines(), error.decode(errors="replace")]):
        if not _MISSING.search(line):
            continue
        for module in _MODULE.findall(line):
            yield from (f"{module.replace('.', '/')}.py", module.replace(".", "/"))
        for found in _WORD.findall(line):
            word = next(filter(None, found))
            yield os.path.normpath(word.removeprefix(f"{run.work}/"))


def _tail(log: Path) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
            return file.read(TAIL).decode(errors="replace")
    except OSError:
        return ""
