"""Print, as JSON, the signatures of the hosted service's Python package (`anyscale`).

Run it with a Python that has the package installed, such as one of a virtual environment of its own:

    python scripts/official_signatures.py > tests/official_signatures.json
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import json
from importlib.metadata import version
from typing import Any

PACKAGE = "anyscale"
MODULES = ("job", "job_queue", "compute_config")
NOT_FOR_USERS = ("ModelBase", "ModelEnum", "ReleaseStatus", "WorkloadConfig")


def main() -> None:
    """Print them."""
    found = {"package": f"{PACKAGE} {version(PACKAGE)}", **{name: module(name) for name in MODULES}}
    print(json.dumps(found, indent=1, sort_keys=True))


def module(name: str) -> dict[str, Any]:
    """Return the functions and the models of a module."""
    functions = vars(importlib.import_module(f"{PACKAGE}.{name}.commands"))
    models = vars(importlib.import_module(f"{PACKAGE}.{name}.models"))
    return {
        "functions": {
            each: parameters(function)
            for each, function in functions.items()
            if inspect.isfunction(function) and not each.startswith("_") and each != "sdk_command"
        },
        "models": {
            each: fields(model)
            for each, model in models.items()
            if dataclasses.is_dataclass(model) and not each.startswith("_") and each not in NOT_FOR_USERS
        },
        "enums": {
            each: [member.name for member in kind if not member.name.startswith("_")]
            for each, kind in models.items()
            if inspect.isclass(kind)
            and issubclass(kind, enum.Enum)
            and len(kind)
            and each not in NOT_FOR_USERS
        },
    }


def parameters(function: Any) -> dict[str, list[Any]]:
    """Return the kind and the default of each parameter that is for callers."""
    return {
        name: [each.kind.description, shown(each.default)]
        for name, each in inspect.signature(function).parameters.items()
        if not name.startswith("_")
    }


def fields(model: Any) -> dict[str, list[Any]]:
    """Return the default of each field."""
    return {field.name: ["keyword", default_of(field)] for field in dataclasses.fields(model)}


def default_of(field: Any) -> Any:
    """Return a field's default."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return "required" if field.default is dataclasses.MISSING else shown(field.default)


def shown(default: Any) -> Any:
    """Return a default as JSON has it."""
    if default is inspect.Parameter.empty:
        return "required"
    return default.value if isinstance(default, enum.Enum) else default


if __name__ == "__main__":
    main()
