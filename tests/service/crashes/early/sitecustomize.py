"""Comes first on a service's path: lets it be killed at a point, then runs the sitecustomize behind it."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def run_the_next_one() -> None:
    """Execute the sitecustomize that this one stands before, if there is one."""
    here = str(Path(__file__).parent)
    spec = PathFinder.find_spec("sitecustomize", [place for place in sys.path if place != here])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


if "jobs_jupyter.service" in sys.orig_argv:
    importlib.import_module("crash_points").arm(sys.orig_argv)
run_the_next_one()
