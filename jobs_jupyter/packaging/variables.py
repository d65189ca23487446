"""Variables in and out of a job, by value."""

from __future__ import annotations

import json
import pickle
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.limits import BYTES, limit
from jobs_jupyter.models.sizes import human
from jobs_jupyter.packaging.cell_runner.references import main_names

INPUT_VARIABLE = "JOBS_JUPYTER_MAX_INPUT_BYTES"
PROTOCOL = 5
_SEARCH_S = 1.0  # how long to look for the part that cannot be pickled
_SEARCH_PARTS = 1000


def dump(name: str, value: object) -> bytes:
    """Pickle one variable, else raise a `PackageError` that names the part that cannot be pickled."""
    import cloudpickle

    try:
        content = bytes(cloudpickle.dumps(value, protocol=PROTOCOL))
    except Exception as error:
        place, part, reason = _culprit(name, value, error, time.monotonic() + _SEARCH_S)
        where = "" if place == name else f", because of {place}, a {_type_name(part)}"
        raise PackageError(
            f"The variable {name!r} (a {_type_name(value)}) cannot be given to the job{where}: {reason}; "
            f"leave {name} out of -i and make it in the cell"
        ) from error
    if lacking := main_names(content):
        listed, outer = " and ".join(map(repr, lacking)), " and ".join(dict.fromkeys(map(_outer, lacking)))
        raise PackageError(
            f"The variable {name!r} (a {_type_name(value)}) cannot be given to the job: it refers to "
            f"{listed} by name, as all that is under lru_cache does, and the job has no such name. "
            f"Define {outer} in the cell, or in a module beside the notebook"
        )
    return content


def _outer(name: str) -> str:
    return name.partition(".")[0]


def dump_all(variables: Mapping[str, object]) -> dict[str, bytes]:
    """Pickle variables one by one, else raise a `PackageError`, also when they are too large together."""
    allowed = limit(INPUT_VARIABLE, BYTES)
    contents: dict[str, bytes] = {}
    total = 0
    for name, value in variables.items():
        contents[name] = dump(name, value)
        total += len(contents[name])
        if total > allowed:
            sizes = sorted(((len(content), name) for name, content in contents.items()), reverse=True)
            named = ", ".join(f"{name} ({human(size)})" for size, name in sizes[:5])
            raise PackageError(
                f"The variables are over {human(allowed)} together: {named}; pass less, save them to a file "
                f"that the cell reads, or raise {INPUT_VARIABLE}"
            )
    return contents


def load(name: str, content: bytes) -> Any:
    """Unpickle one variable that came back, else raise a `PackageError` that says what is missing."""
    try:
        return pickle.loads(content)  # noqa: S301 - written by the user's own job
    except ModuleNotFoundError as error:
        raise PackageError(
            f"The result {name!r} needs the package {error.name!r}, which this kernel lacks; install it "
            f"here, or put its directory on sys.path if it is a module of your own"
        ) from error
    except Exception as error:
        raise PackageError(
            f"The result {name!r} cannot be unpickled here: {type(error).__name__}: {error}; "
            f"use the same package versions here and in the job"
        ) from error


def load_outputs(fetch: Callable[[str], bytes | None]) -> dict[str, Any]:
    """Unpickle the variables that a job gave back, by name; versions that differ are warned of first.

    Args:
        fetch: returns the content of one of the job's output files, None if there is none of that name.
    """
    content = fetch("outputs.json")
    if content is None:
        return {}
    about = json.loads(content)
    if "variables" not in about:
        raise PackageError(
            f"The job's cell ended before its results ({', '.join(about['promised'])}) were kept."
        )
    for sentence in differences(about):
        warnings.warn(sentence, stacklevel=3)
    return {name: load(name, _fetched(fetch, name)) for name in about["variables"]}


def _fetched(fetch: Callable[[str], bytes | None], name: str) -> bytes:
    content = fetch(f"{name}.pickle")
    if content is None:
        raise PackageError(f"The result {name!r} is no longer there; run the job again")
    return content


def differences(about: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each version that differs between the job and here.

    Args:
        about: the content of the job's outputs.json.
    """
    found = []
    here = "{}.{}.{}".format(*sys.version_info)
    there = str(about.get("python") or here)
    if there.split(".")[:2] != here.split(".")[:2]:
        found.append(f"The job ran Python {there}, this kernel is Python {here}; results may not load")
    packages = {item.get("package"): item.get("version") for item in about.get("variables", {}).values()}
    for package, version in packages.items():
        mine = _version(package) if package and version else None
        if mine and mine != version:
            found.append(f"The job had {package} {version}, this kernel has {mine}; results may not load")
    return found


def _version(package: str) -> str | None:
    loaded = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(loaded, str):
        return loaded
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _culprit(place: str, value: object, error: Exception, until: float) -> tuple[str, object, str]:
    """Return the innermost part that cannot be pickled, and why: a breadth of parts, a few levels deep."""
    import cloudpickle

    for _ in range(4):  # levels
        for name, part in islice(_parts(place, value), _SEARCH_PARTS):
            if time.monotonic() > until:
                return place, value, _reason(error)
            try:
                cloudpickle.dumps(part, protocol=PROTOCOL)
            except Exception as inner:  # noqa: BLE001 - whatever a __reduce__ raises
                place, value, error = name, part, inner
                break
        else:
            break
    return place, value, _reason(error)


def _parts(place: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((f"{place}[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"{place}[{index}]", part) for index, part in enumerate(value))
    elif isinstance(getattr(value, "__dict__", None), dict) and not isinstance(value, type):
        yield from ((f"{place}.{name}", part) for name, part in vars(value).items())


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).partition("\n")[0] or type(error).__name__
