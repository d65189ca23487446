"""Arguments of the SDK's functions, checked at the call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PAGE = 50
LARGEST_PAGE = 100


def whole(label: str, value: object, *, high: int | None = None) -> int:
    """Return a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{label} must be a whole number, not {value!r}.")
    if value < 1 or (high is not None and value > high):
        raise ValueError(
            f"{label} must be {'at least 1' if high is None else f'from 1 to {high}'}, not {value}."
        )
    return value


def text(label: str, value: object) -> str:
    """Return a string that is not empty."""
    if not isinstance(value, str):
        raise TypeError(f"{label} must be a string, not {value!r}.")
    if not value:
        raise ValueError(f"{label} is empty; leave it out instead.")
    return value


def strings(label: str, value: object) -> list[Any]:
    """Return the items of a list or another collection, but not of a string."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{label} must be a list, not {value!r}.")
    return list(value)


def flag(label: str, value: object) -> bool:
    """Return True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{label} must be True or False, not {value!r}.")
    return value


def tag_pairs(given: Any) -> list[tuple[str, str]]:
    """Return the pairs of a `tags_filter`, a dict of key to list of values."""
    if given is None:
        return []
    if not isinstance(given, dict):
        raise TypeError(f"tags_filter must be a dict of key to list of values, not {given!r}.")
    pairs = []
    for key, values in given.items():
        if not (values := strings(f"tags_filter[{key!r}]", values)):
            raise ValueError(f"tags_filter[{key!r}] has no values; leave the key out instead.")
        if not all(isinstance(item, str) for item in [key, *values]):
            raise TypeError(f"tags_filter must hold strings only, not {key!r}: {values!r}.")
        if "=" in key:
            raise ValueError(f"{key!r} is not a tag's key.")
        pairs += [(key, value) for value in values]
    return pairs
