"""What is said of an exception: a traceback for the log, a few words for the panel.

Places in the cell are called `cell line N`, where N is the line that the editor shows.
"""

from __future__ import annotations

import linecache
import os
import re
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

MESSAGE = 1900  # characters of a message that the panel gets
FRAMES = 1200  # a traceback with more of them is cut: the default recursion limit's is whole
ENDS = 100  # frames that are left at each end of one
CHAIN = 20  # exceptions of a chain that are shown
_PLACE, _LAST, _PLAIN = "\x1b[1;36m", "\x1b[1;31m", "\x1b[0m"
_TIMED = ("<timed exec>", "<timed eval>")  # IPython's names for the code below `%%time`
_MAGICS = f"{os.sep}IPython{os.sep}core{os.sep}"
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"


class Places:
    """The files that tracebacks name for the cell: its own, and those that IPython's magics make of it.

    Each has a number to add to its lines to get the editor's.
    """

    def __init__(self, path: str) -> None:
        self._shifts: dict[str, int | None] = {path: 0}
        self._body: tuple[str, int] | None = None

    def add(self, filename: str, source: str, shift: int = 0) -> None:
        """Quote this source for that file's lines."""
        lines = [f"{line}\n" for line in source.split("\n")]  # as Python counts: \f and U+2028 end no line
        linecache.cache[filename] = (len(source), None, lines, filename)
        self._shifts[filename] = shift

    def add_body(self, source: str, shift: int) -> None:
        """Say what is below a cell magic, which IPython runs under names of its own."""
        blank = len(source) - len(source.lstrip("\n"))  # IPython drops these
        self._body = source.strip("\n"), shift + blank
        for name in _TIMED:
            self.add(name, source[blank:], shift + blank)

    def line(self, filename: str | None, number: int | None) -> int | None:
        """Return the editor's line; None where it is not in the cell."""
        if filename is None or number is None:
            return None
        if filename not in self._shifts:
            self._shifts[filename] = self._shift_of_part(filename)
        shift = self._shifts[filename]
        return None if shift is None else number + shift

    def _shift_of_part(self, filename: str) -> int | None:
        if self._body is None or not filename.startswith("<ipython-input-"):
            return None
        source, shift = self._body
        return shift if "".join(linecache.getlines(filename)).strip("\n") == source else None

    def renamed(self, text: str) -> str:
        """Return a traceback that says `cell line N` for the files of the cell."""
        names = "|".join(re.escape(name) for name, shift in self._shifts.items() if shift is not None)

        def place(match: re.Match[str]) -> str:
            return f"{_PLACE}cell line {self.line(match[1], int(match[2]))}{_PLAIN}"

        return re.sub(rf'File "({names})", line (\d+)(?:, in <module>)?', place, text)


def summary(error: BaseException, places: Places) -> dict[str, Any]:
    """Return the exception's type, its message (cut where it is long), and the cell's line or None."""
    message = _message(error)
    if len(message) > MESSAGE:
        message = f"{message[:MESSAGE]}… ({len(message):,} characters; the log has all of them)"
    return {"type": type(error).__name__, "message": message, "line": _line(error, places)}


def _message(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.msg:
        return error.msg
    try:
        return str(error)
    except Exception as other:  # noqa: BLE001 - whatever the user's own __str__ raises
        return f"(its message can't be shown: {type(other).__name__})"


def _line(error: BaseException, places: Places) -> int | None:
    if isinstance(error, SyntaxError) and (line := places.line(error.filename, error.lineno)) is not None:
        return line
    lines = [places.line(frame.f_code.co_filename, n) for frame, n in traceback.walk_tb(error.__traceback__)]
    return next((line for line in reversed(lines) if line is not None), None)


def text(error: BaseException, places: Places) -> str:
    """Return the traceback as Python prints it, from the cell's first frame on, its last line in red.

    Long ones are cut in the middle, so that a runaway recursion does not take longer than its program.
    """
    exceptions = list(_chain(error))
    left_out = max(0, len(exceptions) - CHAIN)
    parts = []
    for index, (each, link) in enumerate(exceptions):
        if CHAIN // 2 <= index < CHAIN // 2 + left_out:
            if index == CHAIN // 2:
                parts.append(f"\n[{left_out:,} more exceptions in this chain]\n\n")
            continue
        parts += [link, _one(each, places)]
    return places.renamed("".join(parts))


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield the exceptions that led to this one, the first one first, each with the sentence before it."""
    found: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        if each.__cause__ is not None:
            before, link = each.__cause__, _CAUSE
        elif each.__context__ is not None and not each.__suppress_context__:
            before, link = each.__context__, _CONTEXT
        else:
            before, link = None, ""
        found.append((each, link if before is not None and id(before) not in seen else ""))
        each = before
    return reversed(found)


def _one(error: BaseException, places: Places) -> str:
    trace = _from_cell(error.__traceback__, places)
    left_out = _cut(trace)
    for part in getattr(error, "exceptions", ())[:15]:  # a group's; as many as are shown
        if isinstance(part, BaseException):
            left_out += _cut(part.__traceback__)
    formatted = traceback.TracebackException(type(error), error, trace, compact=True)
    formatted.__cause__ = formatted.__context__ = None
    formatted.stack[:] = _without_magics(formatted.stack, places)
    lines = list(formatted.format(chain=False))
    last = "".join(formatted.format_exception_only())
    shown = "".join(lines)
    if shown.endswith(last):
        shown = f"{shown[: len(shown) - len(last)]}{_LAST}{last.rstrip()}{_PLAIN}\n"
    note = f"[{left_out:,} calls in the middle of the traceback are not shown]\n" if left_out else ""
    return note + shown


def _from_cell(trace: TracebackType | None, places: Places) -> TracebackType | None:
    """Return the traceback from the cell's first frame on; whole, where it has none."""
    start = trace
    while start is not None and places.line(start.tb_frame.f_code.co_filename, 0) is None:
        start = start.tb_next
    return start


def _without_magics(stack: list[traceback.FrameSummary], places: Places) -> list[traceback.FrameSummary]:
    """Leave out how a magic came to run a part of the cell: its call, IPython's frames, the runner's."""
    in_cell = [places.line(frame.filename, 0) is not None for frame in stack]
    internal = [_is_internal(frame.filename) for frame in stack]
    last = max((index for index, here in enumerate(in_cell) if here), default=-1)
    return [
        frame
        for index, frame in enumerate(stack)
        if index >= last or not (internal[index] or (in_cell[index] and internal[index + 1]))
    ]


def _is_internal(filename: str) -> bool:
    return _MAGICS in filename or os.path.dirname(filename) == os.path.dirname(__file__)


def _cut(trace: TracebackType | None) -> int:
    """Take the middle out of a long traceback; return how many frames it had."""
    entries = []
    while trace is not None:
        entries.append(trace)
        trace = trace.tb_next
    if len(entries) <= FRAMES:
        return 0
    entries[ENDS - 1].tb_next = entries[-ENDS]
    return len(entries) - 2 * ENDS
