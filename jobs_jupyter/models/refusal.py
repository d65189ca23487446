"""What a model refuses, in plain words: the field, its value, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

MASK = "***"
_KINDS = {"int", "float", "str", "bool"}
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
    """Return what a model refuses first: its field, the value where that helps, and what is allowed."""
    first, *others = problem.errors(include_url=False)
    place, said = first["loc"], first["msg"]
    if same := [other["msg"] for other in others if _is_of_one_field(first["loc"], other["loc"])]:
        place = place[:-1]
        said = " or ".join(dict.fromkeys([said, *(text.removeprefix("must be ") for text in same)]))
    name = ".".join(map(str, place)) or problem.title
    return f"{name}{_value(first)}: {said}"


def _is_of_one_field(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> bool:
    """Whether both say of one field what each of its types wants."""
    return one[:-1] == other[:-1] and {*one[-1:], *other[-1:]} <= _KINDS


def _value(line: Mapping[str, Any]) -> str:
    shown = repr(line["input"])
    known = line["type"] in _SAID_WITH_THE_VALUE or MASK in shown or shown in line["msg"]
    return "" if known or not line["loc"] or len(shown) > LONGEST_VALUE else f"={shown}"
