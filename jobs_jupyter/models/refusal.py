"""What a model refuses, in plain words: the field, its value, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

MASK = "***"
NO_SUCH_FIELD = "There is no such field"
LONGEST_VALUE = 60  # characters
_MUST: dict[str, str] = {
    "missing": "is required, and missing",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text (put quotes around it)",
    "list_type": "must be a list",
    "dict_type": "must be `name: value` pairs",
    "model_type": "must be `field: value` pairs",
    "model_attributes_type": "must be `field: value` pairs",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "too_short": "must not be empty",
    "literal_error": "must be {expected}",
    "invalid_key": "a field's name is text",
}
_SAID_WITH_THE_VALUE = ("missing", "extra_forbidden")


def in_plain_words(line: Mapping[str, Any]) -> str:
    """Return what one of pydantic's error lines means, by its type; its own words where none is known."""
    known, context = _MUST.get(line["type"]), line.get("ctx", {})
    if known is None or "message" in context:  # a nested model has said it already
        return str(line["msg"])
    return known.format(**_plain(context))


def _plain(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bounds as a person would write them: 0, not 0.0."""
    return {name: f"{bound:g}" if isinstance(bound, float) else bound for name, bound in context.items()}


def sentence(problem: ValidationError) -> str:
    """Return what a model refuses first: its field, the value where that helps, and what is allowed.

    A field that does not exist comes before others: one that is missing may be meant by it.
    """
    lines = sorted(problem.errors(include_url=False), key=_is_known)
    line: Mapping[str, Any] = lines[0]
    name = ".".join(map(str, line["loc"])) or problem.title
    return f"{name}{_value(line)}: {line['msg']}"


def _is_known(line: Mapping[str, Any]) -> bool:
    """Whether its field exists."""
    return bool(line["type"] != "extra_forbidden")


def _value(line: Mapping[str, Any]) -> str:
    shown = repr(line["input"])
    known = line["type"] in _SAID_WITH_THE_VALUE or MASK in shown or shown in line["msg"]
    return "" if known or not line["loc"] or len(shown) > LONGEST_VALUE else f"={shown}"
