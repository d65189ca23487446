"""Reading what a request asks for: each function takes raw input and refuses what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.job import JobConfig, JobLogMode, JobSortField, JobSortOrder, JobState
from jobs_jupyter.models.refusal import MASK
from jobs_jupyter.models.requirements import local_file, names_file
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.store.queries import Listing

DATES = ("created_at", "updated_at", "status_updated_at")
MOST_JOBS_ON_A_PAGE = 100
MOST = 2**31 - 1  # of a count, or of seconds
LARGEST = 2**63 - 1  # that the database can look for
MOST_LEFT_OUT = 1000
LONGEST_KEY = 64
LONGEST_SEARCH = 1000  # characters


async def json_object(request: Request) -> dict[str, Any]:
    """Return the request's body, a JSON object."""
    try:
        body = await request.json()
    except ValueError as error:
        raise InvalidRequestError(f"The request's body is not JSON: {error}") from None
    except RecursionError:
        raise InvalidRequestError("The request's body has lists or objects too deep within others.") from None
    if not isinstance(body, dict):
        raise InvalidRequestError(f"The request's body is a {type(body).__name__}, not a JSON object.")
    return body


CLOUD = "local"  # this machine


def boolean(body: Mapping[str, Any], name: str) -> bool:
    """Return a field of the body that is true or false; left out, it is false."""
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequestError(f"{name} must be true or false, not {value!r}.")
    return value


def config(body: Mapping[str, Any]) -> JobConfig:
    """Return the submitted JobConfig."""
    try:
        found = JobConfig.from_dict(body.get("config") or {})
    except ValidationError as error:
        raise InvalidRequestError(explain(error)) from None
    _check_counts(found)
    _check_variables(found)
    return found


def explain(error: ValidationError) -> str:
    """Return in one line what a model refuses, without the values."""
    found = ((".".join(map(str, e["loc"])), e["msg"]) for e in error.errors(include_input=False))
    return "; ".join(f"{place or 'config'}: {said}" for place, said in found)


def packaged(config: JobConfig) -> None:
    """Refuse a config that names anything by a path: that is on the client's machine."""
    for name, given in (
        ("working_dir", [config.working_dir]),
        ("containerfile", [config.containerfile]),
        ("py_modules", config.py_modules or []),
        ("requirements", _files_of(config.requirements)),
    ):
        for path in given:
            if path is not None and "://" not in path:
                raise InvalidRequestError(
                    f"{name} has the path {path!r}; upload it, and send its package's URI."
                )


def _files_of(requirements: str | list[str] | None) -> list[str]:
    """Return what the field names that is, or may be, a path."""
    if isinstance(requirements, list):
        words = [entry.strip() for entry in requirements]
        archives = [named.path for word in words if (named := local_file(word))]
        return [*archives, *filter(names_file, words)]
    return [requirements] if requirements is not None else []


def _check_counts(config: JobConfig) -> None:
    spec = config.job_queue_config and config.job_queue_config.job_queue_spec
    counts = {name: getattr(config, name) for name in ("max_retries", "timeout_s")}
    for name in ("idle_timeout_s", "max_concurrency", "auto_termination_threshold_job_count"):
        counts[f"job_queue_spec.{name}"] = getattr(spec, name) if spec else None
    for name, count in counts.items():
        if count is not None and count > MOST:
            raise InvalidRequestError(f"{name} must be at most {MOST:,}; what was asked for is larger.")


def _check_variables(config: JobConfig) -> None:
    """Refuse the mask in the place of a value: the config was copied from where values are not shown."""
    if masked := [name for name, value in (config.env_vars or {}).items() if value == MASK]:
        raise InvalidRequestError(
            f"env_vars has {MASK} in the place of the value of {masked[0]}, as where values are not shown. "
            "Give the value itself."
        )


def origin(body: Mapping[str, Any]) -> tuple[dict[str, str] | None, str | None]:
    """Return the submitting process's environment and interpreter, None where they were not sent."""
    given = body.get("origin") or {}
    if not isinstance(given, dict):
        raise InvalidRequestError("origin must be an object.")
    environment, interpreter = given.get("environment"), given.get("interpreter")
    if environment is not None and not _is_environment(environment):
        raise InvalidRequestError("origin.environment must map strings to strings.")
    if interpreter is not None and not (isinstance(interpreter, str) and interpreter.startswith("/")):
        raise InvalidRequestError(f"origin.interpreter must be an absolute path, not {interpreter!r}.")
    return environment, interpreter


def left_out(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the paths that were left out of the directory, each with the rule that did it."""
    given = body.get("left_out") or {}
    if not _is_environment(given) or len(given) > MOST_LEFT_OUT:
        raise InvalidRequestError(f"left_out must map strings to strings, {MOST_LEFT_OUT} at most.")
    return dict(given)


def _is_environment(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(text, str) and "\0" not in name + text
        for name, text in value.items()
    )


def idempotency_key(body: Mapping[str, Any]) -> str | None:
    """Return what makes a repeated submit the same one; None where it is not given."""
    key = body.get("idempotency_key")
    if key is not None and not (isinstance(key, str) and 0 < len(key) <= LONGEST_KEY):
        raise InvalidRequestError(f"idempotency_key must be a string of 1 to {LONGEST_KEY} characters.")
    return key


def cloud(name: str | None) -> str | None:
    """Return a cloud's name, else refuse it with the list of those that there are."""
    if name not in (None, CLOUD):
        raise InvalidRequestError(f"There is no cloud {name!r} here; the clouds: {CLOUD}.")
    return name


def listing(query: QueryParams, creator_id: str) -> Listing:
    """Return what a list request asks for."""
    states = tuple(JobState.named(state).value for state in query.getlist("state_filter"))
    between = {name: (_time(query, f"{name}_from"), _time(query, f"{name}_to")) for name in DATES}
    return Listing(
        creator_id=None if flag(query, "include_all_users") else creator_id,
        name=query.get("name"),
        job_id=query.get("job_id"),
        project=query.get("project"),
        cloud=cloud(query.get("cloud")),
        include_archived=flag(query, "include_archived"),
        states=states or None,
        tags=tags(query),
        between=between,
        sort_field=JobSortField.named(query.get("sort_field", "CREATED_AT")).value,
        descending=JobSortOrder.named(query.get("sort_order", "DESC")).value == "DESC",
        page_size=number(query, "page_size", 50, low=1, high=MOST_JOBS_ON_A_PAGE),
        cursor=query.get("cursor"),
    )


def tags(query: QueryParams) -> dict[str, list[str]]:
    """Return the values that are wanted of each tag: `tag=KEY=VALUE`, any number of times."""
    wanted: dict[str, list[str]] = {}
    for pair in query.getlist("tag"):
        key, _, value = pair.partition("=")
        wanted.setdefault(key, []).append(value)
    return wanted


def log_lines(query: QueryParams) -> tuple[str, int | None]:
    """Return which end of the log is wanted, and how many lines (None: all)."""
    mode = JobLogMode.named(query.get("mode", "TAIL")).value
    return mode, number(query, "max_lines", 0, low=1) if "max_lines" in query else None


@dataclass(frozen=True)
class Searched:
    """What to look for in a log: from where, which line that is, up to where, or which match."""

    text: str
    offset: int
    line: int
    until: int | None
    index: int | None


def searched(query: QueryParams) -> Searched:
    """Return what a log is to be searched for."""
    text = query.get("text", "")
    if not 0 < len(text) <= LONGEST_SEARCH or not text.isprintable():
        raise InvalidRequestError(
            f"text must be one line of at most {LONGEST_SEARCH} characters, not {text[:50]!r}."
        )
    return Searched(
        text,
        number(query, "offset", 0, low=0, high=LARGEST),
        number(query, "line", 1, low=1, high=LARGEST),
        number(query, "until", 0, low=0, high=LARGEST) if "until" in query else None,
        number(query, "index", 0, low=0, high=LARGEST) if "index" in query else None,
    )


def flag(query: QueryParams, name: str) -> bool:
    """Return a query parameter that is `true`/`1` or `false`/`0`."""
    value = query.get(name, "false").lower()
    if value not in ("true", "1", "false", "0"):
        raise InvalidRequestError(f"{name} must be true or false, not {value!r}.")
    return value in ("true", "1")


def number(
    query: QueryParams, name: str, default: int, *, low: int | None = None, high: int | None = None
) -> int:
    """Return a whole number within bounds."""
    given = query.get(name, str(default))
    try:
        value = int(given)
    except ValueError:
        raise InvalidRequestError(f"{name} must be a whole number, not {given!r}.") from None
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise InvalidRequestError(f"{name} must be {bounds}, not {value}.")
    return value


def seconds(query: QueryParams, name: str) -> float | None:
    """Return a duration in seconds, None where it is not given."""
    if name not in query:
        return None
    try:
        value = float(query[name])
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1e9:
        raise InvalidRequestError(f"{name} must be a number of seconds, not {query[name]!r}.")
    return value


def _time(query: QueryParams, name: str) -> int | None:
    if name not in query:
        return None
    try:
        moment = datetime.fromisoformat(query[name])
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequestError(f"{name} must be an ISO 8601 time, not {query[name]!r}.") from None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * SECOND + since.microseconds
