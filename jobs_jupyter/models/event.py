"""The change feed's events. Plain slotted values: a busy service sends thousands a second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from jobs_jupyter.models.job import TERMINAL, JobRunState, JobState

MAX_RUNS_IN_VIEW = 50


@dataclass(slots=True, kw_only=True)
class RunView:
    """A run as the feed shows it. Times are ISO 8601 strings in UTC."""

    name: str
    attempt: int
    state: str  # a JobRunState
    reason: str | None = None
    exit_code: int | None = None
    started_at: str | None = None
    ended_at: str | None = None
    cpu_time_s: float | None = None
    peak_memory: int | None = None  # bytes

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {name: getattr(self, name) for name in _RUN_FIELDS}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the run of `to_dict`'s data, without what this version does not know."""
        known = {name: data[name] for name in _RUN_FIELDS if name in data}
        known["state"] = _state(JobRunState, data["state"])
        return cls(**known)


@dataclass(slots=True, kw_only=True)
class JobView:
    """A job as the feed shows it: always the same shape, never an environment or a config."""

    id: str
    name: str
    project: str
    cloud: str
    creator_id: str
    state: str  # a JobState
    reason: str | None = None
    error: dict[str, Any] | None = None  # a RunError's type, message, line
    exit_code: int | None = None
    notices: list[str] | None = None  # what to know of it: `numpy 1.26.4 here, 2.1.0 in the job`
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    archived: bool = False
    queue: str | None = None  # its name, or its id where it has none
    priority: int | None = None
    tags: dict[str, str] = field(default_factory=dict)
    max_runs: int = 1
    runs: list[RunView] = field(default_factory=list)  # the last MAX_RUNS_IN_VIEW, oldest first

    @property
    def terminal(self) -> bool:
        """Whether the job will never change its state again."""
        return self.state in TERMINAL

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        data = {name: getattr(self, name) for name in _JOB_FIELDS}
        data["runs"] = [run.to_dict() for run in self.runs]
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the job of `to_dict`'s data, without what this version does not know."""
        known = {name: data[name] for name in _JOB_FIELDS if name in data}
        known["state"] = _state(JobState, data["state"])
        known["runs"] = [RunView.from_dict(run) for run in data.get("runs", ())]
        return cls(**known)


@dataclass(slots=True, kw_only=True)
class Event:
    """One change of one job, with the job as it was in that transaction."""

    seq: int
    at: str
    kind: str  # state, run, tags, archived or deleted
    job: JobView

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"seq": self.seq, "at": self.at, "kind": self.kind, "job": self.job.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the event of `to_dict`'s data, without what this version does not know."""
        return cls(seq=data["seq"], at=data["at"], kind=data["kind"], job=JobView.from_dict(data["job"]))


_RUN_FIELDS = tuple(f.name for f in fields(RunView))
_JOB_FIELDS = tuple(f.name for f in fields(JobView))


def _state(kind: type[JobState] | type[JobRunState], name: str) -> str:
    return name if name in kind.__members__ else "UNKNOWN"
