"""The settings of a service: what they are, and where their values come from.

A value comes from the first of these that gives it: the arguments of the service's program, the
environment (`JOBS_JUPYTER_IDLE_S`, `JOBS_JUPYTER_RETENTION_JOBS_MAX_COUNT`, …), `config.yaml` in the
state directory, the defaults here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from jobs_jupyter.models.base import Model, Text, read_yaml
from jobs_jupyter.models.compute import memory_bytes
from jobs_jupyter.models.either import Either
from jobs_jupyter.models.errors import SettingsError
from jobs_jupyter.models.refusal import NO_SUCH_FIELD
from jobs_jupyter.models.spelling import nearest

PREFIX = "JOBS_JUPYTER_"
STORES = ("s3", "gs", "abfss", "file")
MOST_CPUS = 8192  # as many as a Linux kernel can count
MOST_GPUS = 1024
DEFAULT, ARGUMENT = "default", "argument"
_OWN = tuple(f"{PREFIX}{name}" for name in ("HOME", "TARGET", "TOKEN", "OUTPUT_DIR"))
_OWN_PREFIXES = tuple(f"{PREFIX}{name}_" for name in ("JOB", "RUN", "QUEUE", "MAX"))
"""Variables that say where a service is, what clients keep to, and, in a job, which it is."""


def _bytes(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str) or memory_bytes(value) < 1:
        raise ValueError("must be a number of bytes, or a string such as 512Mi or 8Gi")
    return value


def _gpus(value: object) -> object:
    indices: list[Any] = value if isinstance(value, list) else [value]
    if not all(type(index) is int and index >= 0 for index in indices) or len(set(indices)) < len(indices):
        raise ValueError("must be how many, or a list of distinct indices such as [0, 2]")
    if any(index > MOST_GPUS for index in indices):
        raise ValueError(f"must be at most {MOST_GPUS}")
    return value


def _place(value: str) -> str:
    if not os.path.isdir(value):
        raise ValueError("is not a directory; name a control group, or leave it out")
    return value


def _store(value: str) -> str:
    scheme, colon, rest = value.partition("://")
    if not colon or scheme not in STORES or not rest.strip("/") or set(rest) & set("?#"):
        forms = " ".join(f"{name}://" for name in STORES)
        raise ValueError(f"must be a URI of one of {forms}, such as s3://bucket/prefix")
    if scheme == "file" and not rest.startswith(("/", "localhost/")):
        raise ValueError("must begin with file:///, as it is a path, or be such as s3://bucket/prefix")
    return value.rstrip("/")


Bytes = Annotated[int | str, Either, BeforeValidator(_bytes)]
"""A number of bytes, or a string such as "8Gi"."""

Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""How many days, also parts of one."""


class JobRetention(Model):
    """Which jobs that have ended are deleted: those beyond any of these limits. None: no limit."""

    max_age_days: Days | None = None  # since its end
    max_count: Annotated[int, Field(ge=0)] | None = None  # of those that have ended
    max_size: Bytes | None = None  # of the files of all that have ended


class PackageRetention(Model):
    """Which packages that no job needs are deleted: those beyond a limit. None: no limit."""

    max_age_days: Days | None = 7.0  # since it was last used
    max_size: Bytes | None = "10Gi"  # of all packages


class EnvironmentRetention(Model):
    """Which environments that no job uses are deleted: those beyond a limit. None: no limit."""

    max_age_days: Days | None = 30.0  # since it was last used
    max_size: Bytes | None = "20Gi"  # of all environments


class Retention(Model):
    """What is deleted by itself."""

    jobs: JobRetention = JobRetention()
    packages: PackageRetention = PackageRetention()
    environments: EnvironmentRetention = EnvironmentRetention()


class Settings(Model):
    """What can be set of a service. `docs/configuration.md` describes each."""

    idle_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 600.0
    host: Text | None = None
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    cpus: Annotated[int, Field(ge=1, le=MOST_CPUS)] | None = None
    memory: Bytes | None = None
    gpus: Annotated[int | list[int], Either, BeforeValidator(_gpus)] | None = None
    default_cpus: Annotated[int, Field(ge=0)] = 1
    cgroup: Annotated[Text, AfterValidator(_place)] | None = None
    container_engine: Text | None = None
    container_network: Text | None = None
    log_max_bytes: Bytes | None = "1Gi"
    package_store: Annotated[str, AfterValidator(_store)] | None = None
    retention: Retention = Retention()

    def _check(self) -> None:
        if self.port and self.host is None:
            raise ValueError(f"port={self.port} is a port for TCP, and no host is set; set both or neither")

    @property
    def memory_bytes(self) -> int | None:
        """The memory that jobs get together, in bytes; None: that of the machine."""
        return None if self.memory is None else memory_bytes(self.memory)

    @property
    def log_limit(self) -> int | None:
        """How many bytes one run's log may take on disk; None: any number."""
        return None if self.log_max_bytes is None else memory_bytes(self.log_max_bytes)


@dataclass(frozen=True)
class Configuration:
    """Settings, and where each comes from: `default`, `argument`, a variable's name or a file's path."""

    settings: Settings
    sources: dict[str, str]

    def entries(self) -> list[dict[str, Any]]:
        """Return `{name, value, source}` of each setting, nested ones by their dotted names."""
        plain = self.settings.to_dict(exclude_none=False)
        return [
            {"name": name, "value": _inside(plain, name), "source": self.sources.get(name, DEFAULT)}
            for name in names()
        ]


def names(model: type[Model] = Settings, above: str = "") -> Iterator[str]:
    """Yield the dotted name of each setting, such as `retention.jobs.max_count`."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Model):
            yield from names(kind, f"{above}{name}.")
        else:
            yield above + name


def variable(name: str) -> str:
    """Return the environment variable of a setting's dotted name."""
    return PREFIX + name.replace(".", "_").upper()


def load(config: Path, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Configuration:
    """Return the settings that are in force.

    Args:
        config: the state directory's config.yaml, which need not exist.
        environment: the variables; an empty one counts as not set.
        arguments: by dotted names, those that were given.

    Raises:
        SettingsError: a file that can't be read, an unknown key or a value that can't be used; it
            names the file or variable, the key and the value.
    """
    given: dict[str, Any] = _read(config)
    sources = {name: str(config) for name in names() if _inside(given, name) is not None}
    _refuse_misspelt(environment)
    for name in names():
        if text := environment.get(variable(name)):
            _put(given, name, _value(text))
            sources[name] = variable(name)
    for name, value in arguments.items():
        _put(given, name, value)
        sources[name] = ARGUMENT
    try:
        return Configuration(Settings.from_dict(given), sources)
    except ValidationError as problem:
        raise SettingsError(_explained(problem, sources, config)) from None


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """Refuse a variable that was meant to be a setting's; others are somebody else's."""
    known = [variable(name) for name in names()]
    for given in environment:
        own = given in known or given in _OWN or given.startswith(_OWN_PREFIXES)
        if own or not given.startswith(PREFIX) or not environment[given]:
            continue
        if near := nearest(given.removeprefix(PREFIX), (each.removeprefix(PREFIX) for each in known)):
            raise SettingsError(
                f"{given} can't be used: there is no such setting; did you mean {PREFIX}{near}?"
            )


def _read(config: Path) -> dict[str, Any]:
    if not config.exists():
        return {}
    try:
        return read_yaml(config, may_be_empty=True)
    except (ValueError, OSError) as problem:
        said = str(problem).removeprefix(str(config)).lstrip(" ,:")
        raise SettingsError(f"{config} can't be used: {said}.") from None


def _value(text: str) -> Any:
    """Return what a variable holds: JSON where it is that, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _inside(values: Mapping[str, Any], name: str) -> Any:
    here: Any = values
    for part in name.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    *above, last = name.split(".")
    for part in above:
        inner = values.get(part)
        if inner is not None and not isinstance(inner, dict):
            return  # what is there is refused anyway
        values[part] = inner or {}
        values = values[part]
    values[last] = value


def _explained(problem: ValidationError, sources: Mapping[str, str], config: Path) -> str:
    first = problem.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    said = first["msg"].replace(NO_SUCH_FIELD, "there is no such setting")
    said = said if said.endswith("?") else f"{said}."
    if not name:
        meant = [_from(each, origin) for each, origin in sources.items() if f"{each}=" in said]
        return f"{', '.join(meant) or 'The settings'} can't be used: {said}"
    known = next((each for each in names() if name == each or name.startswith(f"{each}.")), name)
    origin = sources.get(known) or (str(config) if config.exists() else "the arguments")
    return f"{_from(known, origin, first['input'])} can't be used: {said}"


def _from(name: str, origin: str, *value: Any) -> str:
    """Return a setting's name, its value where one is given, and where it comes from."""
    shown = "".join(f"={each!r}" for each in value)
    if origin == ARGUMENT:
        return f"The argument {name}{shown}"
    return f"{origin}{shown}" if origin == variable(name) else f"{name}{shown} in {origin}"
