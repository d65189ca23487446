"""Words that people type: durations, counts, tags; each read alike in a cell's line and in a shell."""

from __future__ import annotations

import argparse
import os
import re
from decimal import Decimal

from jobs_jupyter.models.requirements import is_archive, names_file

LONGEST_S = 2**31 - 1  # as the service counts seconds
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}  # in the order in which they are written
_AMOUNT = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION = re.compile("".join(f"(?:{_AMOUNT}{unit}{'?' if unit == 's' else ''})?" for unit in UNITS))


def duration(text: str) -> int:
    """Return `90s`, `15m`, `1h30m`, `1.5h`, `1d` or a plain number of seconds in seconds."""
    match = _DURATION.fullmatch(text)
    given = (
        [(amount, unit) for amount, unit in zip(match.groups(), UNITS, strict=True) if amount]
        if match
        else []
    )
    seconds = sum((Decimal(amount) * UNITS[unit] for amount, unit in given), Decimal())
    if seconds == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration; write 90s, 15m, 2h or 1h30m")
    if seconds != int(seconds):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of seconds")
    if seconds > LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is too long; write {LONGEST_S // UNITS['d']}d at most")
    return int(seconds)


def count(text: str, least: int = 0, most: int = 2**31 - 1) -> int:
    """Return a whole number within bounds."""
    if not re.fullmatch(r"-?[0-9]+", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    if not least <= (number := int(text)) <= most:
        bound = f"at least {least}" if number < least else f"at most {most}"
        raise argparse.ArgumentTypeError(f"must be {bound}, not {text}")
    return number


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    return count(text, least=1)


def urgency(text: str) -> int:
    """Return a priority: 0 is first, and there is room for a time in nanoseconds."""
    return count(text, most=2**63 - 1)


def port(text: str) -> int:
    """Return a TCP port; 0 stands for a free one."""
    return count(text, most=65535)


def word(text: str) -> str:
    """Return a name or an id, which is not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a name is not empty")
    return text


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


# --- what a job finds: the same three options in a cell's line and in a shell ---------------------------


def add_python(parser: argparse._ActionsContainer) -> None:
    """Add `--requirements`, `--py-module` and `--py-executable`."""
    option = parser.add_argument
    option("-r", "--requirements", metavar="REQUIREMENT", action="append", default=[],
           help="install this on top of what is there: 'numpy>=2', a wheel, a file, a URL")  # fmt: skip
    option("--py-module", metavar="PATH", action="append", default=[],
           help="let it import this package's directory, or .py file")  # fmt: skip
    option("--py-executable", metavar="COMMAND", help="what `python` is: a path, or 'python -X dev'")


def python_of(options: argparse.Namespace) -> dict[str, str | list[str]]:
    """Return the fields of a config that these options say."""
    fields = {
        "requirements": requirements_of(options.requirements),
        "py_modules": options.py_module or None,
        "py_executable": options.py_executable,
    }
    return {name: value for name, value in fields.items() if value is not None}


def add_connection(parser: argparse._ActionsContainer) -> argparse.Action:
    """Add `--connection`."""
    return parser.add_argument("--connection", metavar="NAME", action="append", default=[],
                               help="let it log in with this connection")  # fmt: skip


def connections_of(options: argparse.Namespace) -> list[dict[str, str]] | None:
    """Return the `connections` that were given by name; None: there are none.

    Raises:
        ValueError: there are several, and all are of one type.
    """
    if len(options.connection) > 1:
        raise ValueError(
            f"--connection {' and '.join(options.connection)}: a job has one of a type; give one"
        )
    return [{"type": "DATABRICKS", "name": name} for name in options.connection] or None


def requirements_of(given: list[str]) -> str | list[str] | None:
    """Return the `requirements` that were given one by one: a file's path, a list, or None."""
    return given[0] if len(given) == 1 and _is_file(given[0]) else given or None


def _is_file(text: str) -> bool:
    place = os.path.expanduser(text)
    return not is_archive(text) and (os.path.isfile(place) or (names_file(text) and not os.path.isdir(place)))


# --- the image that a job runs in: the same three options in a cell's line and in a shell ---------------


def add_image(parser: argparse._ActionsContainer) -> None:
    """Add `--image`, `--containerfile` and `--registry-secret`."""
    option = parser.add_argument
    option("--image", metavar="IMAGE", help="run it in a container with this image: python:3.12-slim")
    option("--containerfile", metavar="FILE", help="the same, with the image that is built from this")
    option("--registry-secret", metavar="NAME", help="the secret that logs in where the image is pulled")


def image_of(options: argparse.Namespace) -> dict[str, str]:
    """Return the fields of a config that these options say."""
    fields = {
        "image_uri": options.image,
        "containerfile": options.containerfile,
        "registry_login_secret": options.registry_secret,
    }
    return {name: value for name, value in fields.items() if value is not None}


# --- what a job runs on: the same four options in a cell's line and in a shell --------------------------


def add_compute(parser: argparse._ActionsContainer) -> argparse.Action:
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
