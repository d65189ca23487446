"""Fields of several types: what each type refuses, said as one error of the field itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from jobs_jupyter.models.refusal import in_plain_words

_WHOLE = "must be a whole number"
_ANY_NUMBER = {"must be a number", "must be a finite number"}


def _of_the_field(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Validate by a union, whose errors have the names of its types behind that of the field."""
    try:
        return handler(value)
    except ValidationError as error:
        lines: list[Mapping[str, Any]] = list(error.errors(include_url=False))
    raise ValidationError.from_exception_data("value", _as_one(lines, value))


Either = WrapValidator(_of_the_field)
"""Of a union: its errors are said of the field, in one line where no type is meant by the value."""


def _as_one(lines: Sequence[Mapping[str, Any]], value: Any) -> list[InitErrorDetails]:
    """Return what was refused: within the type that the value has, else what the types want together."""
    if inside := [line for line in lines if len(line["loc"]) > 1]:
        meant = inside[0]["loc"][0]
        return [
            _line(_said(line), line["loc"][1:], line["input"], line["type"])
            for line in inside
            if line["loc"][0] == meant
        ]
    of_its_type = [line for line in lines if not line["type"].endswith("_type")] or lines
    kinds = {line["type"] for line in of_its_type}
    kind = kinds.pop() if len(kinds) == 1 else "value_error"
    return [_line(_together([_said(line) for line in of_its_type]), (), value, kind)]


def _said(line: Mapping[str, Any]) -> str:
    error = line.get("ctx", {}).get("error")
    return str(error) if isinstance(error, ValueError) else in_plain_words(line)


def _together(texts: Sequence[str]) -> str:
    """Return what each of a field's types wants, as one."""
    wanted = dict.fromkeys(texts)
    if _ANY_NUMBER & wanted.keys():
        wanted.pop(_WHOLE, None)
    first, *others = wanted
    return " or ".join([first, *(text.removeprefix("must be ") for text in others)])


def _line(message: str, loc: tuple[int | str, ...], value: Any, kind: str) -> InitErrorDetails:
    error = PydanticCustomError(kind, "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=loc, input=value)
