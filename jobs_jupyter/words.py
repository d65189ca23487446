"""Words that people type: durations, counts, tags; each read alike in a cell's line and in a shell."""

from __future__ import annotations

import argparse
import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(text: str) -> int:
    """Return `90s`, `15m`, `2h`, `1d` or a plain number of seconds in seconds."""
    match = re.fullmatch(r"(\d+)([smhd]?)", text)
    if match is None or (seconds := int(match[1]) * UNITS[match[2] or "s"]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 15m or 2h")
    return seconds


def count(text: str) -> int:
    """Return a whole number that is not negative."""
    if not re.fullmatch(r"\d+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def some(text: str) -> int:
    """Return a whole number of at least 1."""
    if (number := count(text)) == 0:
        raise argparse.ArgumentTypeError("0 would show nothing")
    return number


def pair(text: str) -> tuple[str, str | None]:
    """Return KEY and VALUE of `KEY=VALUE`; the value of a lone `KEY` is None."""
    key, equals, value = text.partition("=")
    if not key:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value if equals else None


def tag(text: str) -> tuple[str, str]:
    """Return key and value of a tag."""
    key, value = pair(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value
