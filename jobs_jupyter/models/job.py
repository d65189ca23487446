"""Jobs: what is submitted and what becomes of it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from jobs_jupyter.models.base import Model, NameEnum, RequiredText, StatusModel, Text, Time
from jobs_jupyter.models.compute import (
    ComputeConfig,
    MultiResourceComputeConfig,
    check_compute_name,
    read_compute_config,
)
from jobs_jupyter.models.connection import ConnectionConfig
from jobs_jupyter.models.either import Either
from jobs_jupyter.models.package import ARCHIVES, SCHEME, is_package_uri, package_digest
from jobs_jupyter.models.queue import JobQueueConfig
from jobs_jupyter.models.run_error import RunError
from jobs_jupyter.models.tags import check_tags

REMOTE_SCHEMES = ("s3", "gs", "abfss", "https", "file")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?"  # host[:port]/
    rf"{_COMPONENT}(?:/{_COMPONENT})*"  # [user/]repo
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?"  # [:tag]
    r"(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"  # [@digest]
)
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class JobState(NameEnum):
    """Current state of a job."""

    STARTING = "STARTING"  # accepted: waiting in a queue, or preparing its environment
    RUNNING = "RUNNING"  # from its first run's start on, between retries too
    FAILED = "FAILED"  # out of retries, or could not be prepared
    SUCCEEDED = "SUCCEEDED"  # a run returned exit code 0
    TERMINATED = "TERMINATED"  # stopped before it was done
    UNKNOWN = "UNKNOWN"  # a newer service's state that this client does not know


TERMINAL = frozenset({JobState.FAILED, JobState.SUCCEEDED, JobState.TERMINATED})


class JobRunState(NameEnum):
    """Current state of an individual job run."""

    STARTING = "STARTING"  # being started
    RUNNING = "RUNNING"  # its process exists
    FAILED = "FAILED"  # not exit code 0, timed out, stopped or lost
    SUCCEEDED = "SUCCEEDED"  # exit code 0
    UNKNOWN = "UNKNOWN"  # a newer service's state that this client does not know


class JobLogMode(NameEnum):
    """Which end of a log is meant."""

    HEAD = "HEAD"  # the first lines
    TAIL = "TAIL"  # the last lines


class JobSortField(NameEnum):
    """What a list of jobs is sorted by."""

    STATUS = "STATUS"  # the state
    CREATED_AT = "CREATED_AT"
    LAST_UPDATED_AT = "LAST_UPDATED_AT"  # any change
    LAST_STATUS_UPDATED_AT = "LAST_STATUS_UPDATED_AT"  # a change of state
    ENDED_AT = "ENDED_AT"
    NAME = "NAME"
    ID = "ID"


class JobSortOrder(NameEnum):
    """Direction of a sorted list."""

    ASC = "ASC"  # ascending
    DESC = "DESC"  # descending


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError("must have the form [host[:port]/][user/]repo[:tag][@digest]")
    return value


def _directory(value: str) -> str:
    """Check a directory or a remote URI by its form; whether it exists is checked at submit."""
    scheme, colon, rest = value.partition("://")
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    if not colon or is_package_uri(value):
        return value
    if scheme not in REMOTE_SCHEMES:
        allowed = " ".join(f"{name}://" for name in REMOTE_SCHEMES)
        raise ValueError(f"must be a local directory or a URI of one of {allowed}")
    if not rest.strip("/"):
        raise ValueError("must name a directory or an archive after the scheme")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - reading it checks it
    except ValueError as problem:
        raise ValueError(f"is no URI: {problem}") from None
    if scheme == "file" and parts.netloc not in ("", "localhost"):
        raise ValueError(
            "must begin with file:///, as it is a path from the root on of the service's machine"
        )
    if scheme == "https" and not re.split("[?#]", rest)[0].endswith(ARCHIVES):
        raise ValueError("must name a .zip or .tar.gz archive, since https cannot list a directory")
    return value


def _command(value: str) -> str:
    try:
        shlex.split(value)
    except ValueError as problem:
        raise ValueError(f"can't be split into words as a shell would ({str(problem).lower()})") from None
    return value


def _environment(value: dict[str, str]) -> dict[str, str]:
    """Check that an operating system can hold these variables; says no value."""
    for name, content in value.items():
        if not name or "=" in name or "\0" in name:
            raise ValueError(f"the variable name {name!r} must not be empty or hold '=' or NUL")
        if "\0" in content:
            raise ValueError(f"the value of {name} must not hold a NUL character")
    return value


def _ray_version(value: str) -> str:
    if not _VERSION.fullmatch(value):
        raise ValueError("must have the form X.Y.Z, such as 2.60.0")
    return value


def _compute(value: object, info: ValidationInfo) -> object:
    if isinstance(value, dict):
        return read_compute_config(value, info.context)
    return check_compute_name(value) if isinstance(value, str) else value


Directory = Annotated[Text, AfterValidator(_directory)]
"""A local directory, a remote URI, or the URI of a package that is uploaded already."""


class JobConfig(Model):
    """The one description of a job."""

    name: Text | None = Field(
        default=None, description="The job's name; several jobs may have it. One is made up if there is none."
    )
    image_uri: Annotated[str, AfterValidator(_image)] | None = Field(
        default=None,
        description="The job's image: [host[:port]/][user/]repo[:tag][@digest]. Excludes containerfile.",
    )
    containerfile: Text | None = Field(
        default=None,
        description="The path of a Containerfile, which is built into the job's image. Excludes image_uri.",
    )
    compute_config: Annotated[
        str | ComputeConfig | MultiResourceComputeConfig | None, Either, BeforeValidator(_compute)
    ] = Field(
        default=None,
        description="What the job runs on: the name of a compute config, `name:version`, or one inline.",
    )
    working_dir: Directory | None = Field(
        default=None,
        description="The directory that the job runs in: a local one, which is packaged at submit, or a URI.",
    )
    excludes: list[str] | None = Field(
        default=None, description="What of working_dir is not packaged: patterns as in a .gitignore."
    )
    requirements: Annotated[Text | list[Text] | None, Either] = Field(
        default=None,
        description="The packages that the job needs: as pip takes them, or the path of a file.",
    )
    env_vars: Annotated[dict[str, str], AfterValidator(_environment)] | None = Field(
        default=None,
        description="Environment variables for the job; their values are masked wherever it is shown.",
    )
    py_modules: list[Directory] | None = Field(
        default=None, description="Modules that the job can import: local directories or files, or URIs."
    )
    py_executable: Annotated[Text, AfterValidator(_command)] | None = Field(
        default=None, description="The Python that the job runs with, and its arguments."
    )
    cloud: Text | None = Field(default=None, description="The cloud to run on; this machine is `local`.")
    project: Text | None = Field(
        default=None, description="The project that the job belongs to; `default` if there is none."
    )
    registry_login_secret: Text | None = Field(
        default=None, description="The name of the secret to log in with where image_uri is pulled from."
    )
    ray_version: Annotated[str, AfterValidator(_ray_version)] | None = Field(
        default=None, description="The version of Ray that the job needs: X.Y.Z."
    )
    connections: list[ConnectionConfig] | None = Field(
        default=None, description="Connections whose credentials the job gets, one of each type at most."
    )
    entrypoint: RequiredText = Field(description="The command that is the job, run by sh.")
    max_retries: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="How often the job is run again after it failed; left out, once."
    )
    job_queue_config: JobQueueConfig | None = Field(
        default=None, description="The queue that the job waits in, and its priority there."
    )
    timeout_s: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The seconds that one run may take; no limit if left out."
    )
    tags: Annotated[dict[str, str], AfterValidator(check_tags)] | None = Field(
        default=None, description="Keys and values to find the job by."
    )

    @property
    def in_image(self) -> bool:
        """Whether its runs are in a container, with an image's programs in place of this machine's."""
        return self.image_uri is not None or self.containerfile is not None

    def _check(self) -> None:
        if self.image_uri is not None and self.containerfile is not None:
            raise ValueError("image_uri and containerfile exclude each other; leave one out")
        if self.registry_login_secret is not None and self.image_uri is None:
            raise ValueError("registry_login_secret is for an image_uri, and there is none; leave it out")
        types = Counter(connection.type for connection in self.connections or [])
        if twice := [kind for kind, count in types.items() if count > 1]:
            raise ValueError(f"connections has several of type {twice[0]}; keep one")


def packages_of(config: JobConfig) -> list[str]:
    """Return the digests of the packages that a config names, in the order of its fields."""
    named = [config.working_dir, config.containerfile, *(config.py_modules or ())]
    if isinstance(config.requirements, str):
        named.append(config.requirements)
    return [package_digest(uri) for uri in named if uri is not None and uri.startswith(SCHEME)]


def remotes_of(config: JobConfig) -> list[tuple[str, str]]:
    """Return the fields that name remote URIs, each with the URI; every pair once."""
    named = [("working_dir", config.working_dir), *(("py_modules", uri) for uri in config.py_modules or ())]
    return list(dict.fromkeys((field, uri) for field, uri in named if uri is not None and is_remote(uri)))


def is_remote(uri: str) -> bool:
    """Tell whether a directory's name is a URI that the service has to fetch."""
    return "://" in uri and not uri.startswith(SCHEME)


def _known(kind: type[JobState] | type[JobRunState]) -> Any:
    """Read a state; one that this version does not know becomes UNKNOWN."""

    def read(value: object) -> object:
        return kind.__members__.get(value.upper(), kind.UNKNOWN) if isinstance(value, str) else value

    return BeforeValidator(read)


class JobRunStatus(StatusModel):
    """Current status of an individual job run."""

    name: str = Field(description="The run's name.")
    state: Annotated[str | JobRunState, Either, _known(JobRunState)] = Field(description="The run's state.")
    attempt: int | None = Field(default=None, description="Which of the job's runs it is, counted from 1.")
    reason: str | None = Field(default=None, description="Why it is in this state, in words: `exit code 1`.")
    error: RunError | None = Field(default=None, description="The exception that ended the cell.")
    exit_code: int | None = Field(default=None, description="Its exit code.")
    created_at: Time | None = Field(default=None, description="When it was created, in UTC.")
    started_at: Time | None = Field(default=None, description="When its process began, in UTC.")
    ended_at: Time | None = Field(default=None, description="When it ended, in UTC.")
    cpu_time_s: float | None = Field(
        default=None, description="The CPU time of all its processes, in seconds."
    )
    peak_memory: int | None = Field(
        default=None, description="The most memory of all its processes at once, in bytes."
    )


class JobStatus(StatusModel):
    """Current status of a job."""

    id: str = Field(description="The job's id.")
    name: str = Field(description="The job's name.")
    state: Annotated[str | JobState, Either, _known(JobState)] = Field(description="The job's state.")
    config: JobConfig = Field(description="What was submitted.")
    runs: list[JobRunStatus] = Field(default_factory=list, description="Its runs, oldest first.")
    creator_id: str = Field(description="Who submitted it.")
    created_at: Time | None = Field(default=None, description="When it was submitted, in UTC.")
    updated_at: Time | None = Field(default=None, description="When anything of it changed last, in UTC.")
    status_updated_at: Time | None = Field(default=None, description="When its state changed last, in UTC.")
    project: str | None = Field(default=None, description="Its project.")
    cloud: str | None = Field(default=None, description="Its cloud.")
    reason: str | None = Field(
        default=None, description="Why it is in this state, in words: `exit code 1`, `queued: 3rd in gpu`."
    )
    error: RunError | None = Field(default=None, description="The exception that ended the cell.")
    exit_code: int | None = Field(default=None, description="The exit code of its last run.")
    notices: list[str] | None = Field(
        default=None, description="What to know of it: `numpy 1.26.4 here, 2.1.0 in the job`."
    )
    started_at: Time | None = Field(default=None, description="When its first run began, in UTC.")
    ended_at: Time | None = Field(default=None, description="When it ended, in UTC.")
    archived_at: Time | None = Field(default=None, description="When it was archived, in UTC.")
    tags: dict[str, str] | None = Field(
        default=None, description="Its tags as they are now; those of config are as they were submitted."
    )
    max_runs: int | None = Field(default=None, description="How many runs it may have.")

    @property
    def terminal(self) -> bool:
        """Whether the job will never change its state again."""
        return self.state in TERMINAL
