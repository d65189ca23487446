"""The rules that tags obey."""

from __future__ import annotations

import re
from collections.abc import Mapping

MAX_TAGS = 64
MAX_KEY = 128
MAX_VALUE = 256
_KEY = re.compile(rf"[A-Za-z0-9_.:/-]{{1,{MAX_KEY}}}", re.ASCII)


def check_key(key: object) -> str:
    """Return `key` if it is a valid tag key, else raise a `ValueError`."""
    if not isinstance(key, str):
        raise ValueError(f"The tag key {key!r} is a {type(key).__name__}; use a string")
    if len(key) > MAX_KEY:
        raise ValueError(f"The tag key {key[:40]!r}… has {len(key)} characters; use at most {MAX_KEY}")
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"The tag key {key!r} is not valid; use 1 to {MAX_KEY} of the characters A-Z a-z 0-9 _ . : / -"
        )
    return key


def check_value(key: str, value: object) -> str:
    """Return `value` if it is a valid value of the tag `key`, else raise a `ValueError`."""
    if not isinstance(value, str):
        raise ValueError(f"The tag {key!r} has the value {value!r}, a {type(value).__name__}; use a string")
    if len(value) > MAX_VALUE:
        raise ValueError(
            f"The value of the tag {key!r} has {len(value)} characters; shorten it to at most {MAX_VALUE}"
        )
    if not value.isprintable():
        bad = next(character for character in value if not character.isprintable())
        raise ValueError(
            f"The value of the tag {key!r} holds {bad!r}, which cannot be printed; leave that character out"
        )
    return value


def check_tags(tags: object) -> dict[str, str]:
    """Return a copy of `tags` if all of them are valid, else raise a `ValueError`."""
    if not isinstance(tags, Mapping):
        raise ValueError(f"The tags are a {type(tags).__name__}; use a dict such as {{'team': 'mlops'}}")
    if len(tags) > MAX_TAGS:
        raise ValueError(f"A job has at most {MAX_TAGS} tags, these are {len(tags)}; remove some")
    return {check_key(key): check_value(key, value) for key, value in tags.items()}
