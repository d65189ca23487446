"""What `help()` and IPython's `?` show of a model: a readable signature, and what each field means."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import Enum
from inspect import Parameter, Signature
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo


class _TypeName(str):
    """A type as a person would write it; `inspect` shows its repr."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def signature(fields: Mapping[str, FieldInfo]) -> Signature:
    """Return what a model takes, without what checks it."""
    return Signature([_parameter(name, field) for name, field in fields.items()])


def manual(summary: str, fields: Mapping[str, FieldInfo]) -> str:
    """Return a model's docstring: its summary, and each field that has a description."""
    described = {name: field for name, field in fields.items() if field.description}
    lines = [f"    {name} ({_named(field)}): {field.description}" for name, field in described.items()]
    return "\n".join([summary.rstrip(), "", "Fields:", *lines]) if lines else summary


def _named(field: FieldInfo) -> str:
    return f"{type_name(field.annotation)}{', required' if field.is_required() else ''}"


def _parameter(name: str, field: FieldInfo) -> Parameter:
    default = Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    shown = _TypeName(default.value) if isinstance(default, Enum) else default
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=shown, annotation=_TypeName(type_name(field.annotation))
    )


def type_name(annotation: Any) -> str:
    """Return a type by its name: `list[str] | None`."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(inner[0])
    if origin in (Union, types.UnionType):
        return " | ".join(dict.fromkeys(type_name(each) for each in inner))
    if origin is Literal:
        return " | ".join(repr(each) for each in inner)
    if origin is not None:
        return f"{origin.__name__}[{', '.join(type_name(each) for each in inner)}]"
    return "None" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))
