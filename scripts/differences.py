"""Write into docs/migrating.md in what the SDK differs from the hosted service's, and why.

    .venv/bin/python -m scripts.differences

What the hosted service's is, is in tests/official_signatures.json (scripts/official_signatures.py renews it).
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scripts.reasons import REASONS

ROOT = Path(__file__).parents[1]
OFFICIAL = ROOT / "tests" / "official_signatures.json"
PAGE = ROOT / "docs" / "migrating.md"
BEGIN, END = "<!-- differences: begin -->\n", "<!-- differences: end -->\n"
MODULES = ("job", "job_queue", "compute_config")


def main() -> None:
    """Write the table."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}")


def table() -> str:
    """Return the table as Markdown; a `LookupError` where a difference has no reason."""
    lines = ["| | difference | why |", "|---|---|---|"]
    lines += [f"| `{place}` | {said} | {reason(place, said)} |" for place, said in differences()]
    return "\n".join(lines) + "\n"


def reason(place: str, said: str) -> str:
    """Return why something differs: the first reason whose patterns match its place and its words."""
    for pattern, words, why in REASONS:
        if fnmatchcase(place, pattern) and fnmatchcase(said, words):
            return why
    raise LookupError(f"{place}: {said}: say why in scripts/reasons.py")


def differences() -> Iterator[tuple[str, str]]:
    """Yield each difference: what differs, and in what."""
    official = json.loads(OFFICIAL.read_text())
    for module in MODULES:
        functions = importlib.import_module(f"jobs_jupyter.{module}")
        models = importlib.import_module(f"jobs_jupyter.{module}.models")
        for name, theirs in official[module]["functions"].items():
            yield from _compared(f"{module}.{name}", theirs, _parameters(getattr(functions, name, None)))
        for name, theirs in official[module]["models"].items():
            yield from _compared(f"{module}.models.{name}", theirs, _fields(getattr(models, name, None)))
        for name, theirs in official[module]["enums"].items():
            ours = _members(getattr(models, name, None))
            yield from _compared(f"{module}.models.{name}", dict.fromkeys(theirs), ours)


def _compared(place: str, theirs: dict[str, Any], ours: dict[str, Any] | None) -> Iterator[tuple[str, str]]:
    if ours is None:
        yield place, "is not there"
        return
    if missing := [name for name in theirs if name not in ours]:
        yield place, f"lacks {_names(missing)}"
    if added := [name for name in ours if name not in theirs]:
        yield place, f"also has {_names(added)}"
    for name in theirs:
        if name in ours and theirs[name] != ours[name]:
            yield place, f"`{name}` is {_told(ours[name])}, there {_told(theirs[name])}"


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _told(parameter: list[Any]) -> str:
    kind, default = parameter
    return f"{kind}, {default if default == 'required' else f'{default!r} by default'}"


def _parameters(function: Any) -> dict[str, Any] | None:
    if function is None:
        return None
    parameters = inspect.signature(function).parameters
    return {name: [each.kind.description, _shown(each.default)] for name, each in parameters.items()}


def _fields(model: type[BaseModel] | None) -> dict[str, Any] | None:
    if model is None:
        return None
    return {name: ["keyword", _default(field)] for name, field in model.model_fields.items()}


def _default(field: FieldInfo) -> Any:
    return "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))


def _members(kind: type[enum.Enum] | None) -> dict[str, Any] | None:
    return None if kind is None else dict.fromkeys(kind.__members__)


def _shown(default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return "required"
    return default.value if isinstance(default, enum.Enum) else default


if __name__ == "__main__":
    main()
