"""Secrets: values by name, such as a registry's password, which are never shown again."""

from __future__ import annotations

from jobs_jupyter.models.base import StatusModel, Time

MAX_BYTES = 65_536


class Secret(StatusModel):
    """A secret as it is shown: everything but its value."""

    name: str
    username: str | None = None  # of the login whose password the value is
    created_at: Time
    updated_at: Time


def check_secret_value(value: object) -> str:
    """Return a secret's value; the error does not say it."""
    if not isinstance(value, str):
        raise TypeError(f"The secret's value must be a string, not a {type(value).__name__}.")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError("The secret's value holds characters that are no text.") from None
    if not value or "\0" in value:
        raise ValueError("The secret's value is empty, or holds a NUL character.")
    if size > MAX_BYTES:
        raise ValueError(f"The secret's value has {size} bytes; a secret has at most {MAX_BYTES}.")
    return value


def check_username(value: object) -> str | None:
    """Return the user name of a login, None where there is none."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"username must be a string, not {value!r}.")
    if not value.strip() or not value.isprintable() or ":" in value:
        raise ValueError(f"username={value!r}: must not be blank or hold colons or control characters.")
    return value
