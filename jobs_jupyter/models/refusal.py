"""What a model refuses, in plain words: the field, its value, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

MASK = "***"
NO_SUCH_FIELD = "There is no such field"
_TYPES = ("int", "float", "str", "bool")
_SHAPES = ("function-", "list[", "dict[")  # as pydantic names types that are made of others
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
_WHOLE = "must be a whole number"
_ANY_NUMBER = {"must be a number", "must be a finite number"}
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
    partings = (_parting(lines[0]["loc"], other["loc"]) for other in lines[1:])
    at = next((at for at in partings if at is not None), None)
    line: Mapping[str, Any] = lines[0] if at is None else _of_one_field(lines, at)
    name = ".".join(map(str, line["loc"])) or problem.title
    return f"{name}{_value(line)}: {line['msg']}"


def _is_known(line: Mapping[str, Any]) -> bool:
    """Whether its field exists."""
    return bool(line["type"] != "extra_forbidden")


def _of_one_field(lines: Sequence[Any], at: int) -> Mapping[str, Any]:
    """Return in one line what the types of the first field refuse, whose places part at that part.

    Where a type got into the value, that is the one that was meant: a list of which one item is wrong.
    """
    same = [line for line in lines if line["loc"][:at] == lines[0]["loc"][:at]]
    for line in same:
        if inside := line["loc"][at + 1 :]:
            return {**line, "loc": (*line["loc"][:at], *inside)}
    return {**same[0], "loc": same[0]["loc"][:at], "msg": _either([line["msg"] for line in same])}


def _parting(one: Sequence[int | str], other: Sequence[int | str]) -> int | None:
    """Return where two places part as types of one field do; None: they are of two fields."""
    at = next((i for i, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
    return at if at is not None and _is_type(one[at]) and _is_type(other[at]) else None


def _is_type(part: int | str) -> bool:
    return isinstance(part, str) and (part in _TYPES or part.startswith(_SHAPES))


def _either(texts: Sequence[str]) -> str:
    """Return what each of a field's types wants, as one."""
    wanted = dict.fromkeys(texts)
    if _ANY_NUMBER & wanted.keys():
        wanted.pop(_WHOLE, None)
    first, *others = wanted
    return " or ".join([first, *(text.removeprefix("must be ") for text in others)])


def _value(line: Mapping[str, Any]) -> str:
    shown = repr(line["input"])
    known = line["type"] in _SAID_WITH_THE_VALUE or MASK in shown or shown in line["msg"]
    return "" if known or not line["loc"] or len(shown) > LONGEST_VALUE else f"={shown}"
