"""The name that was probably meant, where one was misspelt."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIKE = 0.75  # of the letters are the same, in the same order
FEWEST_LETTERS = 3  # of a part that stands for the whole
_MARKS = "_-./"


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the one of `names` that `name` was probably meant to be, in any case, or None.

    A slip of the fingers counts (`trian`), and a name that is cut short (`idle` for `idle_s`,
    `retries` for `max_retries`); a name that merely shares some letters does not.
    """
    return next(iter(nearest_few(name, names, 1)), None)


def nearest_few(name: str, names: Iterable[str], most: int) -> list[str]:
    """Return those of `names` that `name` may have been meant to be, the nearest first."""
    wanted = name.lower()
    known = {each.lower(): each for each in names}
    # The dashes that all options have in common are no likeness.
    bare: dict[str, list[str]] = {}
    for each in known:
        bare.setdefault(each.strip(_MARKS), []).append(each)
    close = difflib.get_close_matches(wanted.strip(_MARKS), bare, most, ALIKE)
    alike = [each for letters in close for each in bare[letters]]
    others = [each for each in known if _is_meant(wanted, each)]
    found = alike + difflib.get_close_matches(wanted, others, most, 0)
    return [known[each] for each in dict.fromkeys(found)][:most]


def _is_meant(wanted: str, known: str) -> bool:
    return _is_part(wanted, known) or _is_part(known, wanted) or _is_swapped(wanted, known)


def _is_part(short: str, long: str) -> bool:
    """Whether `long` begins with `short`, or ends with it as a word of its own."""
    word = short.strip(_MARKS)
    if len(word) < FEWEST_LETTERS:
        return False
    whole = long.strip(_MARKS)
    return whole.startswith(word) or any(whole.endswith(mark + word) for mark in _MARKS)


def _is_swapped(one: str, other: str) -> bool:
    """Whether the two differ only in that two neighbouring letters changed places."""
    apart = [i for i, pair in enumerate(zip(one, other, strict=False)) if len(set(pair)) == 2]
    if len(one) != len(other) or len(apart) != 2 or apart[1] != apart[0] + 1:
        return False
    return one[apart[0] : apart[1] + 1] == other[apart[1]] + other[apart[0]]
