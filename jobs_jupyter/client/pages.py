"""Lists that are fetched a page at a time, as they are read."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
SHOWN = 50
_CELL = "text-align:left;vertical-align:top;overflow-wrap:anywhere"
_BELOW = "text-align:left;padding-top:0;white-space:nowrap;opacity:.7"


class ResultIterator(Generic[T]):
    """Yields items and fetches their pages when they are needed; each iteration starts anew.

    Args:
        fetch: given a cursor (None for the first page), returns the page's items and the next
            cursor, None at the end.
        max_items: how many items to yield at most; None: all.
        columns: what a table shows: a heading, and how to get its text from an item.
        below: the column whose text has a line of its own in HTML, below the others, which wrap: so a
            narrow page shows all of it.
        nothing: what is shown where there are no items.
    """

    def __init__(
        self,
        fetch: Callable[[str | None], tuple[list[T], str | None]],
        max_items: int | None,
        columns: dict[str, Callable[[T], str]],
        *,
        below: str | None = None,
        nothing: str = "No jobs.",
    ) -> None:
        self._fetch = fetch
        self._max_items = max_items
        self._columns = columns
        self._nothing = nothing
        self._below = list(columns).index(below) if below else None

    def __iter__(self) -> Iterator[T]:
        return itertools.islice(self._all(), self._max_items)

    def _all(self) -> Iterator[T]:
        cursor: str | None = None
        while True:
            items, cursor = self._fetch(cursor)
            yield from items
            if cursor is None:
                return

    def _rows(self) -> tuple[list[list[str]], bool]:
        """Return the first rows as text, and whether there are more."""
        first = list(itertools.islice(self, SHOWN + 1))
        return [[text(item) for text in self._columns.values()] for item in first[:SHOWN]], len(first) > SHOWN

    def __repr__(self) -> str:
        rows, more = self._rows()
        if not rows:
            return self._nothing
        widths = [max(map(len, column)) for column in zip(self._columns, *rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in [list(self._columns), *rows]]
        return "\n".join([*lines, *(["…"] if more else [])])

    def _repr_html_(self) -> str:
        rows, more = self._rows()
        if not rows:
            return f"<p>{html.escape(self._nothing)}</p>"
        at = [number for number in range(len(self._columns)) if number != self._below]
        at = [number for number in at if any(row[number] for row in rows)]
        names = [list(self._columns)[number] for number in at]
        head = "".join(f'<th style="text-align:left">{html.escape(name)}</th>' for name in names)
        body = "".join(self._row([row[number] for number in at], row) for row in rows)
        rest = f"<p>The first {SHOWN}; iterate for the rest.</p>" if more else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"

    def _row(self, cells: list[str], row: list[str]) -> str:
        shown = "".join(f'<td style="{_style(text)}">{html.escape(text)}</td>' for text in cells)
        if self._below is None:
            return f"<tr>{shown}</tr>"
        whole = (
            f'<td colspan="{len(cells)}" style="{_BELOW}"><code>{html.escape(row[self._below])}</code></td>'
        )
        return f"<tr>{shown}</tr><tr>{whole}</tr>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def _style(text: str) -> str:
    """Return how a cell wraps: between words, and within those that are longer than a state."""
    return _CELL if len(text) > len("TERMINATED") else f"{_CELL};white-space:nowrap"
