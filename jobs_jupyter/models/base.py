"""The form that all configs and statuses share."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from jobs_jupyter.models.manual import manual, signature
from jobs_jupyter.models.refusal import MASK, NO_SUCH_FIELD, in_plain_words
from jobs_jupyter.models.spelling import nearest

SECRET_FIELD = "env_vars"  # noqa: S105 - the name of the field


class NameEnum(StrEnum):
    """An enum whose members are their own names, looked up in any case."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None

    @classmethod
    def named(cls, value: object) -> Self:
        """Return the member of that name, in any case; else `ValueError` with the nearest or all."""
        try:
            return cls(value)  # type: ignore[arg-type]
        except ValueError:
            near = nearest(str(value), cls.__members__)
            hint = f"did you mean {near}?" if near else f"use one of {', '.join(cls.__members__)}"
            raise ValueError(f"{value!r} is unknown; {hint}") from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(cls.named, handler(source))


def _not_blank(value: str, hint: str = "must not be blank; leave it out instead") -> str:
    if not value.strip():
        raise ValueError(hint)
    if not value.isascii():
        _check_storable(value)
    return value


def _check_storable(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as problem:
        character = value[problem.start].encode("unicode_escape").decode()
        raise ValueError(f"must be valid text, and {character} is half a character; leave it out") from None


def _read_time(value: object) -> object:
    """Turn an ISO 8601 string or a datetime into a datetime in UTC; naive means UTC."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _optional(value: str) -> str:
    return _not_blank(value)


def _required(value: str) -> str:
    return _not_blank(value, "cannot be blank")


Text = Annotated[str, AfterValidator(_optional)]
"""A string that is not blank."""

RequiredText = Annotated[str, AfterValidator(_required)]
"""A string that is not blank, of a field that can't be left out."""

Time = Annotated[datetime, BeforeValidator(_read_time)]
"""A point in time, in UTC."""


class Model(BaseModel):
    """A frozen value: strict types, unknown fields refused, secrets masked in whatever is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.__signature__ = signature(cls.model_fields)
        cls.__doc__ = manual(cls.__doc__ or "", cls.model_fields)

    def options(self, **fields: Any) -> Self:
        """Return a validated copy with these fields replaced."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**given, **fields})

    def to_dict(self, *, exclude_none: bool = True, exclude_unset: bool = False) -> dict[str, Any]:
        """Return plain data: enums as strings, models as dicts, times as datetimes in UTC.

        Args:
            exclude_none: leave out the fields that are None.
            exclude_unset: leave out the fields that nobody set, so that the reader of the dict can
                still tell a default from a choice.
        """
        data = self.model_dump(exclude_none=exclude_none, exclude_unset=exclude_unset)
        return {name: _plain(value) for name, value in data.items()}

    def to_wire(self, *, exclude_none: bool = True, exclude_unset: bool = False) -> dict[str, Any]:
        """Return what `to_dict` does as JSON has it: times as ISO 8601 strings in UTC."""
        return self.model_dump(mode="json", exclude_none=exclude_none, exclude_unset=exclude_unset)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Return the model of `to_dict`'s data."""
        return cls.model_validate(fields)

    @classmethod
    def from_yaml(cls, path: str | Path, **overrides: Any) -> Self:
        """Return the model of a YAML file, its top-level keys replaced by `overrides`."""
        return cls.model_validate({**read_yaml(Path(path)), **overrides})

    @classmethod
    def _read(cls, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the fields as they are meant, where they may be written in other ways."""
        return fields

    def _check(self) -> None:
        """Raise a `ValueError` where fields that are valid alone contradict each other.

        Not asked of what is stored already: one job that can't be read would take the list of all with it.
        """

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, data: Any, handler: Any, info: ValidationInfo) -> Any:
        lenient = info.context == _LENIENT
        try:
            if isinstance(data, Mapping):
                data = cls._read(data)
                data = {key: value for key, value in data.items() if key in cls.model_fields or not lenient}
            model = handler(data)
            if not lenient:
                model._check()
        except ValidationError as error:
            lines = [_explained(line, cls.model_fields) for line in error.errors(include_url=False)]
        except ValueError as error:
            lines = [_line(str(error), (), _masked(data))]
        else:
            return model
        if hidden := cls.model_config.get("hide_input_in_errors", False):
            lines = [InitErrorDetails({**line, "input": MASK}) for line in lines]
        raise ValidationError.from_exception_data(cls.__name__, lines, hide_input=hidden)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, _masked_values(value) if name == SECRET_FIELD else value


class StatusModel(Model):
    """A model that the service sends: what a newer service adds to it, `from_dict` passes over."""

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """Return the model of `to_dict`'s data, without what this version does not know."""
        return cls.model_validate(fields, context=_LENIENT)


def _plain(value: Any) -> Any:
    """Return a dumped value without types of ours: enums and secrets as strings."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, SecretStr):
        return str(value)
    return value.value if isinstance(value, Enum) else value


_LENIENT = "ignore unknown fields"
_YAML_KINDS = {list: "a list", str: "text", int: "a number", float: "a number"}


def read_yaml(path: Path, *, may_be_empty: bool = False) -> dict[str, Any]:
    """Return the fields in a YAML file; an error names the file and the place, and quotes nothing of it.

    Args:
        may_be_empty: a file with nothing but comments has no fields, and that is no error.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = nearest(path.name, (other.name for other in path.parent.glob("*")))
        hint = f"; did you mean {near}?" if near else ""
        raise FileNotFoundError(f"There is no file {path}{hint}") from None
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a directory; name a YAML file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # the message itself would quote the file
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = getattr(error, "problem", None) or getattr(error, "reason", "it can't be read")
        raise ValueError(f"{path}{place}: not YAML: {said}") from None
    if content is None and may_be_empty:
        return {}
    if not isinstance(content, dict):
        found = "is empty" if content is None else f"holds {_YAML_KINDS.get(type(content), 'a value')}"
        raise ValueError(f"{path} {found}; write `field: value` lines")
    return content


def _explained(line: Any, fields: Iterable[str]) -> InitErrorDetails:
    """Rewrite an error of pydantic's so that it suggests field names and shows no secret."""
    loc, value, message = line["loc"], _masked(line["input"]), line["msg"]
    error = line.get("ctx", {}).get("error")
    if line["type"] == "extra_forbidden" and len(loc) == 1:  # a nested model has explained its own
        near = nearest(str(loc[-1]), fields)
        message = f"{NO_SUCH_FIELD}{f'; did you mean {near}?' if near else ''}"
    elif isinstance(error, ValueError):
        message = str(error)
    else:
        message = in_plain_words(line)
    if any(_is_secret(part) for part in loc):
        value = MASK
    return _line(message, loc, value, line["type"])


def _line(
    message: str, loc: tuple[int | str, ...], value: Any, kind: str = "value_error"
) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError(kind, "{message}", {"message": message}), loc=loc, input=value
    )


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _masked_values(v) if _is_secret(k) else _masked(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(item) for item in value]
    return value


def _masked_values(value: Any) -> Any:
    if value is None:
        return None
    return dict.fromkeys(value, MASK) if isinstance(value, Mapping) else MASK


def _is_secret(name: object) -> bool:
    """Tell whether `name` is the field of secrets, or was probably meant to be."""
    return isinstance(name, str) and (
        name.lower().startswith("env") or bool(difflib.get_close_matches(name.lower(), [SECRET_FIELD]))
    )
