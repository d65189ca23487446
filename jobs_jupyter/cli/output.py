"""What is printed: tables and colours on a terminal, aligned text in a pipe, JSON where asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs_jupyter.cli import columns

STYLES = {
    "STARTING": "yellow",
    "RUNNING": "cyan",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "TERMINATED": "magenta",
    "ok": "green",
    "missing": "yellow",
    "broken": "red",
}
_WHOLE = ("ID", "STATE", "AGE", "DURATION", "RUN", "SETTING")
_ONE_LINE = (*_WHOLE, "NAME", "PROJECT", "FROM", "KIND", "SIZE")
_AGES = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def document(data: Any) -> None:
    """Print one JSON document; times are ISO 8601 strings in UTC."""
    print(json.dumps(data, indent=2, default=_json))


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    raise TypeError(f"{value!r} has no form in JSON")


def complain(problem: object) -> None:
    """Say in one line on stderr what went wrong, in the words of a command line."""
    text = " ".join(str(problem).split()).replace("include_archived=True", "--archived")
    print(f"jupyter jobs: {printable(text)}", file=sys.stderr, flush=True)


def note(text: str) -> None:
    """Say something beside the output, on stderr."""
    print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return the text with what could steer a terminal written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def table(
    names: Sequence[str],
    rows: Iterable[Sequence[str]],
    spare: Sequence[str] = (),
    brief: Sequence[str] = (),
) -> None:
    """Print rows under their columns' names; a column that is empty everywhere is left out.

    Args:
        names: the columns' names.
        rows: a text for each column.
        spare: what a terminal that is too narrow does without, the first to go first.
        brief: whose texts take two lines of a terminal at most.
    """
    lines = [[printable(cell) for cell in row] for row in rows]
    there = [i for i, name in enumerate(names) if name in _WHOLE or any(line[i] for line in lines)]
    cells = {names[i]: [line[i] for line in lines] for i in there}
    if sys.stdout.isatty():
        _rich_table(cells, spare, brief)
    else:
        _plain_table(list(cells), [list(line) for line in zip(*cells.values(), strict=True)])


def _plain_table(names: list[str], lines: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(names, *lines, strict=True)]
    for line in [names, *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _rich_table(cells: dict[str, list[str]], spare: Sequence[str], brief: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    widths = {name: max(map(len, (name, *column))) for name, column in cells.items()}
    names = columns.kept(widths, _WHOLE, spare, console.width)
    widths = columns.fitted({name: widths[name] for name in names}, _WHOLE, console.width)
    shown = Table(box=None, pad_edge=False, padding=(0, columns.GAP, 0, 0), header_style="bold")
    for name in names:
        shown.add_column(name, no_wrap=name in _ONE_LINE, width=widths[name])
    for line in zip(*(cells[name] for name in names), strict=True):
        styled = zip(names, line, strict=True)
        shown.add_row(
            *(
                Text(
                    _shortened(name, cell, widths[name], name in brief),
                    STYLES.get(cell, "") if name == "STATE" else "",
                )
                for name, cell in styled
            )
        )
    console.print(shown)


def _shortened(name: str, cell: str, width: int, brief: bool) -> str:
    """Return what is shown of a cell: a name on one line, its middle left out; a text's words as they are."""
    if name in _ONE_LINE:
        return columns.elided(cell, width)
    text = columns.wrappable(cell, width)
    return columns.beginning(text, width) if brief else text


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Print labels and what belongs to them; those with nothing are left out."""
    there = [(label, printable(text)) for label, text in pairs if text]
    width = max(len(label) for label, _ in there) + 2
    if not sys.stdout.isatty():
        for label, text in there:
            print(f"{label + ':':<{width}}{text}")
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for label, text in there:
        styled = ((f"{label + ':':<{width}}", "bold"), (text, STYLES.get(text, "")))
        console.print(Text.assemble(*styled), soft_wrap=True)


def age(moment: datetime | None) -> str:
    """Return how long ago that was, in its largest unit: 5s, 12m, 3h, 40d."""
    if moment is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    return next((f"{seconds // size}{unit}" for size, unit in _AGES if seconds >= size), "0s")


def duration(start: datetime | None, end: datetime | None) -> str:
    """Return how long it took, or has taken by now: 02:15, 1:02:15."""
    if start is None:
        return ""
    minutes, seconds = divmod(max(0, int(((end or datetime.now(UTC)) - start).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def cpu_time(seconds: float) -> str:
    """Return seconds of CPU time: 0.25s, 3.2s, 02:15, 1:02:15."""
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 1 else f"{seconds:.1f}s"
    start = datetime.fromtimestamp(0, UTC)
    return duration(start, start + timedelta(seconds=seconds))


def moment(when: datetime | None) -> str:
    """Return a time in the reader's own zone."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S") if when else ""
