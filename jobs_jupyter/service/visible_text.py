"""What a reader sees of a log's lines: without escape sequences, and with what was overwritten gone.

A carriage return, backspaces and movements within a line count; movements between lines do not.
"""

from __future__ import annotations

import re

_SEQUENCE = (
    r"\x1b\[(?P<args>[0-?]*)[ -/]*(?P<final>[@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]?"
)
_TOKEN = re.compile(_SEQUENCE + r"|[\x00-\x08\x0b-\x1f\x7f]")
_BYTES = re.compile(
    _SEQUENCE.replace("?P<args>", "?:").replace("?P<final>", "?:").encode() + rb"|[\x00-\x08\x0b-\x1f\x7f]"
)
_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
_MARKS = (b"\r", b"\x08", b"\x1b")  # looking for these takes a tenth of the time
_MOVES = re.compile(rb"\r(?!\n)|\x08|\x1b\[[0-9;?]*[CDGPXJK@]")
LONGEST = 1 << 16  # bytes at a line's end that are looked at where it is written over
WIDEST = 1 << 16  # columns: no cursor goes farther


def uncoloured(text: bytes) -> bytes:
    """Return a text without what colours it, which is most of what is to be left out of logs."""
    return _COLOURS.sub(b"", text) if b"\x1b" in text else text


def is_moving(text: bytes) -> bool:
    """Tell whether anything in the text is written over."""
    return any(mark in text for mark in _MARKS) and _MOVES.search(text) is not None


def stripped(text: bytes) -> bytes:
    """Return a text in which nothing is written over, without its escape sequences; lines stay lines."""
    return _BYTES.sub(b"", text) if b"\x1b" in text or b"\r" in text or b"\x00" in text else text


def line(text: bytes) -> bytes:
    """Return what is seen of one line in the end."""
    text = uncoloured(text)
    if not is_moving(text):
        return stripped(text).removesuffix(b"\n")
    cells: list[str] = []
    at = done = 0
    decoded = text[-LONGEST:].decode(errors="replace").removesuffix("\n").removesuffix("\r")
    for token in _TOKEN.finditer(decoded):
        at = _write(cells, at, decoded[done : token.start()])
        at, done = _move(cells, at, token), token.end()
    _write(cells, at, decoded[done:])
    return "".join(cells).encode(errors="replace")


def _write(cells: list[str], at: int, text: str) -> int:
    if len(cells) < at:
        cells.extend(" " * (at - len(cells)))
    cells[at : at + len(text)] = text
    return at + len(text)


def _move(cells: list[str], at: int, token: re.Match[str]) -> int:
    """Carry out one control character or sequence; returns the cursor's column."""
    if token[0] == "\r":
        return 0
    if token[0] == "\b":
        return max(0, at - 1)
    first = (token["args"] or "").partition(";")[0]
    count = int(first) if first.isascii() and first.isdecimal() and len(first) < 6 else 0
    match token["final"]:
        case "C":
            return min(WIDEST, at + max(1, count))
        case "D":
            return max(0, at - max(1, count))
        case "G":
            return min(WIDEST, max(1, count) - 1)
        case "P":
            del cells[at : at + max(1, count)]
        case "X":
            _blank(cells, at, at + max(1, count))
        case "K" if count == 0:
            del cells[at:]
        case "K":
            _blank(cells, 0, at + 1 if count == 1 else len(cells))
        case "J" if count == 0:
            del cells[at:]
    return at


def _blank(cells: list[str], start: int, end: int) -> None:
    end = min(end, len(cells))
    if start < end:
        cells[start:end] = " " * (end - start)
