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


def idle(text: str) -> int:
    """Return a duration in seconds, or 0: at once."""
    return 0 if text == "0" else duration(text)


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    if (number := count(text)) == 0:
        raise argparse.ArgumentTypeError("0 is too few; write 1 or more, or leave it out")
    return number


def size(text: str) -> int:
    """Return `512Mi`, `8Gi` or a plain number of bytes in bytes, 1 MiB at least."""
    from jobs_jupyter.models.compute import MIB, memory_bytes

    try:
        found = memory_bytes(int(text) if text.isascii() and text.isdecimal() else text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(f"{text!r} {problem}") from None
    if found < MIB:
        raise argparse.ArgumentTypeError(f"{text!r} is less than 1Mi; write 512Mi or 8Gi")
    return found


# --- what a job runs on: the same four options in a cell's line and in a shell --------------------------


def add_compute(parser: argparse.ArgumentParser) -> argparse.Action:
    """Add `--cpus`, `--memory`, `--gpus` and `--compute`; returns the last, which names something."""
    option = parser.add_argument
    option("--cpus", metavar="N", type=positive, help="hold it to N CPUs (1, with --memory or --gpus)")
    option("--memory", metavar="SIZE", type=size,
           help="hold it to so much: 512Mi, 8Gi (the CPUs' share of the machine's memory)")  # fmt: skip
    option("--gpus", metavar="N", type=positive, help="give it N GPUs of its own (none)")
    return option("--compute", metavar="NAME", help="what it runs on: a compute config, or NAME:VERSION")


def compute_of(options: argparse.Namespace) -> str | dict[str, dict[str, int]] | None:
    """Return the `compute_config` that these options say; None: nothing is asked for.

    Raises:
        ValueError: both a compute config and resources are given.
    """
    given = {"CPU": options.cpus, "memory": options.memory, "GPU": options.gpus}
    least = {kind: amount for kind, amount in given.items() if amount is not None}
    if least and options.compute is not None:
        raise ValueError(
            f"--compute {options.compute} says what the job runs on; leave out --cpus, --memory and --gpus."
        )
    return {"min_resources": least} if least else options.compute
