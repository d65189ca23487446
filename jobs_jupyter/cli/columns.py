"""Fitting a table into a terminal: which columns stay, how wide each is, what is shortened in a cell."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence

GAP = 2
READABLE = 16  # narrower than this no text is made, as long as there is something else to give up
ELLIPSIS = "…"


def kept(widths: dict[str, int], whole: Collection[str], spare: Sequence[str], room: int) -> list[str]:
    """Return the names of the columns that fit.

    Args:
        widths: each column's natural width, by its name.
        whole: columns that are never made narrower.
        spare: columns that can be done without, the first to go first.
        room: how many characters there are in a line.
    """
    least = {name: width if name in whole else min(width, READABLE) for name, width in widths.items()}
    names = list(widths)
    for name in spare:
        if _total([least[each] for each in names]) <= room:
            break
        if name in names and len(names) > 1:
            names.remove(name)
    return names


def fitted(widths: dict[str, int], whole: Collection[str], room: int) -> dict[str, int]:
    """Return how wide each column becomes: the widest of those that may be narrower gives first."""
    found = {name: width if name in whole else min(width, room) for name, width in widths.items()}
    free = [name for name in found if name not in whole]
    for _ in range(_total(list(found.values())) - room):
        widest = max(free, key=found.__getitem__, default=None)
        if widest is None or found[widest] == 1:
            break
        found[widest] -= 1
    return found


def elided(text: str, width: int) -> str:
    """Return the text, its middle left out where it is longer than that."""
    if len(text) <= width:
        return text
    end = (width - 1) // 2
    return text[: width - 1 - end] + ELLIPSIS + text[len(text) - end :] if width > 1 else text[:width]


def wrappable(text: str, width: int) -> str:
    """Return the text with each word that is longer than a line elided, so that lines break between words."""
    return " ".join(elided(word, width) for word in text.split(" "))


def beginning(text: str, width: int) -> str:
    """Return as many words as there are in two lines, the second with an ellipsis where that is not all."""
    return "\n".join(textwrap.wrap(text, width, max_lines=2, placeholder=f" {ELLIPSIS}"))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
