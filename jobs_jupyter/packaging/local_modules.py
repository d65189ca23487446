"""Modules that a notebook has and its job would not: only the notebook's `sys.path` has their directory."""

from __future__ import annotations

import ast
import importlib.machinery
import json
import os
import shlex
import site
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.cell_runner.references import references
from jobs_jupyter.packaging.module import SUFFIX, named

_LOOK = (
    "import importlib.util, json, sys\n"
    "print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]))"
)
_PATH_CHANGES = ("sys.path", "site.addsitedir")
_LOOK_S = 30  # an interpreter that takes longer than this to start is not waited for


def refuse_lost_modules(
    pickles: Mapping[str, bytes], tree: ast.Module, directory: Path | None, py_modules: Iterable[str]
) -> None:
    """Refuse a cell whose inputs or imports need a module that its job would not find.

    Args:
        pickles: the inputs, by name.
        tree: the cell.
        directory: what is packaged; None for an empty directory.
        py_modules: the paths of modules that the job gets.

    Raises:
        PackageError: some would be missing; all are named, with the options that bring them.
    """
    uses = {**_imports(tree), **_classes(pickles)}
    given = {named(path).name.removesuffix(SUFFIX) for path in py_modules}
    local = {name: path for name in uses if name not in given and (path := _local_path(name))}
    lost = _not_importable(list(local), directory) if local else []
    if lost:
        said = ", and ".join(f"{uses[name]} is in {local[name]}" for name in lost)
        options = " ".join(f"--py-module {shlex.quote(_short(local[name]))}" for name in lost)
        raise PackageError(f"{said}: only the notebook's sys.path has that. Pass it along with {options}")


def _classes(pickles: Mapping[str, bytes]) -> dict[str, str]:
    """Return what the inputs need: module → what of it, in words."""
    found: dict[str, str] = {}
    for variable, content in pickles.items():
        loaded = {name for name in list(sys.modules) if "." not in name and name.encode() in content}
        if not any(map(_local_path, loaded)):
            continue  # as nearly always: reading a pickle takes as long as loading it
        for module, name in references(content):
            top = module.partition(".")[0]
            found.setdefault(top, f"{module}.{name}, which the input {variable!r} needs,")
    return found


def _imports(tree: ast.Module) -> dict[str, str]:
    """Return what the cell imports for certain: module → that, in words. None where it changes the path."""
    if any(isinstance(node, ast.Attribute) and ast.unparse(node) in _PATH_CHANGES for node in ast.walk(tree)):
        return {}
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    froms = (node for node in tree.body if isinstance(node, ast.ImportFrom) and not node.level)
    names += [node.module for node in froms if node.module]
    return {name.partition(".")[0]: f"{name}, which the cell imports," for name in names}


def _local_path(name: str) -> str | None:
    """Return where the notebook has that module from: the user's own directory or file, else None."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None) if module else importlib.machinery.PathFinder.find_spec(name)
    places = list(getattr(spec, "submodule_search_locations", None) or []) if spec else []
    place = places[0] if places else getattr(spec, "origin", None)
    if not isinstance(place, str) or not os.path.exists(place):
        return None
    path = os.path.abspath(place)
    of_python = any(path.startswith(root + os.sep) for root in _roots())
    return None if of_python or not (os.path.isdir(path) or path.endswith(SUFFIX)) else path


@cache
def _roots() -> frozenset[str]:
    """Return the directories of Python's own modules and of what is installed."""
    paths = sysconfig.get_paths()
    found = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return frozenset(map(os.path.abspath, [*found, *site.getsitepackages(), site.getusersitepackages()]))


def _not_importable(names: list[str], directory: Path | None) -> list[str]:
    """Return which of the modules a fresh Python in that directory does not find."""
    with tempfile.TemporaryDirectory() as empty:
        try:
            done = subprocess.run(
                [sys.executable, "-c", _LOOK, *names],
                cwd=directory or empty,
                capture_output=True,
                timeout=_LOOK_S,
                check=True,
            )
            return list(json.loads(done.stdout))
        except (OSError, subprocess.SubprocessError, ValueError):
            return []  # nothing is refused for a look that failed


def _short(path: str) -> str:
    return min(path, os.path.relpath(path), key=len)
