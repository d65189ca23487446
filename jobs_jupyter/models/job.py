"""Jobs: what is submitted and what becomes of it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from jobs_jupyter.models.base import Model, NameEnum, StatusModel, Text, Time
from jobs_jupyter.models.compute import (
    ComputeConfig,
    MultiResourceComputeConfig,
    check_compute_name,
    read_compute_config,
)
from jobs_jupyter.models.connection import ConnectionConfig
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

    name: Text | None = None
    image_uri: Annotated[str, AfterValidator(_image)] | None = None
    containerfile: Text | None = None
    compute_config: Annotated[
        str | ComputeConfig | MultiResourceComputeConfig | None, BeforeValidator(_compute)
    ] = None
    working_dir: Directory | None = None
    excludes: list[str] | None = None
    requirements: Text | list[Text] | None = None
    env_vars: Annotated[dict[str, str], AfterValidator(_environment)] | None = None
    py_modules: list[Directory] | None = None
    py_executable: Annotated[Text, AfterValidator(_command)] | None = None
    cloud: Text | None = None
    project: Text | None = None
    registry_login_secret: Text | None = None
    ray_version: Annotated[str, AfterValidator(_ray_version)] | None = None
    connections: list[ConnectionConfig] | None = None
    entrypoint: Text
    max_retries: Annotated[int, Field(ge=0)] | None = None
    job_queue_config: JobQueueConfig | None = None
    timeout_s: Annotated[int, Field(ge=1)] | None = None
    tags: Annotated[dict[str, str], AfterValidator(check_tags)] | None = None

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

    name: str
    state: Annotated[str | JobRunState, _known(JobRunState)]
    attempt: int | None = None  # counted from 1
    reason: str | None = None  # in words: `exit code 1`
    error: RunError | None = None
    exit_code: int | None = None
    created_at: Time | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    cpu_time_s: float | None = None  # of all its processes, in seconds
    peak_memory: int | None = None  # of all its processes at once, in bytes


class JobStatus(StatusModel):
    """Current status of a job."""

    id: str
    name: str
    state: Annotated[str | JobState, _known(JobState)]
    config: JobConfig
    runs: list[JobRunStatus] = Field(default_factory=list)  # oldest first
    creator_id: str
    created_at: Time | None = None
    updated_at: Time | None = None
    status_updated_at: Time | None = None
    project: str | None = None
    cloud: str | None = None
    reason: str | None = None  # in words: `exit code 1`, `queued: 3rd in gpu`
    error: RunError | None = None
    exit_code: int | None = None
    notices: list[str] | None = None  # what to know of it: `numpy 1.26.4 here, 2.1.0 in the job`
    started_at: Time | None = None
    ended_at: Time | None = None
    archived_at: Time | None = None
    tags: dict[str, str] | None = None  # as they are now; config.tags are those of the submit
    max_runs: int | None = None

    @property
    def terminal(self) -> bool:
        """Whether the job will never change its state again."""
        return self.state in TERMINAL
