"""Reading what must not be on a command line: asked for without an echo, or from elsewhere."""

from __future__ import annotations

import argparse
import getpass
import os
import sys

from jobs_jupyter.cli.parser import UsageError


def add_sources(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the options that say where a value comes from: `--{what}-stdin` and `--{what}-env`."""
    sources = parser.add_mutually_exclusive_group()
    sources.add_argument(
        f"--{what}-stdin",
        action="store_true",
        help=f"read the {what} from standard input (where it is a pipe)",
    )
    sources.add_argument(f"--{what}-env", metavar="VARIABLE", help=f"take the {what} from that variable")


def read(options: argparse.Namespace, what: str, prompt: str) -> str:
    """Return a value from where the options say; on a terminal it is asked for.

    Raises:
        UsageError: there is none.
    """
    name = what.replace("-", "_")
    if variable := getattr(options, f"{name}_env"):
        if not (value := os.environ.get(variable, "")):
            raise UsageError(f"--{what}-env {variable}: there is no such variable, or it is empty")
        return value
    asked = sys.stdin is not None and sys.stdin.isatty() and not getattr(options, f"{name}_stdin")
    value = getpass.getpass(f"{prompt} (it is not shown): ") if asked else _from_input()
    if not value:
        raise UsageError(f"the {what} is empty; type it at the prompt, or use --{what}-stdin or --{what}-env")
    return value


def _from_input() -> str:
    """Return what is on standard input, without the line break that ends it."""
    return sys.stdin.read().removesuffix("\n").removesuffix("\r") if sys.stdin is not None else ""
