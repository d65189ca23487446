"""Modules that a notebook has and its job would not: only the notebook's `sys.path` has their directory."""

from __future__ import annotations

import ast
import contextlib
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
    given = {named(path).name.removesuffix(SUFFIX): str(named(path)) for path in py_modules}
    uses = {**_imports(tree, "the cell"), **_classes(pickles), **_theirs(given)}
    lost: dict[str, str] = {}
    while new := _not_importable(_local(set(uses) - set(given) - set(lost)), directory):
        lost |= new
        uses |= {name: said for name, said in _theirs(new).items() if name not in uses}
    if lost:
        said = ", and ".join(f"{uses[name]} is in {path}" for name, path in lost.items())
        options = " ".join(f"--py-module {shlex.quote(_short(path))}" for path in lost.values())
        raise PackageError(f"{said}: only the notebook's sys.path has that. Pass it along with {options}")


def _classes(pickles: Mapping[str, bytes]) -> dict[str, str]:
    """Return what the inputs need: module → what of it, in words."""
    found: dict[str, str] = {}
    loaded = [name for name in list(sys.modules) if "." not in name] if pickles else []
    own = [name.encode() for name in _local(loaded)]
    for variable, content in pickles.items():
        if not any(name in content for name in own):
            continue  # as nearly always: reading a pickle takes as long as loading it
        for module, name in references(content):
            top = module.partition(".")[0]
            found.setdefault(top, f"{module}.{name}, which the input {variable!r} needs,")
    return found


def _theirs(modules: Mapping[str, str]) -> dict[str, str]:
    """Return what these modules, name → path, import in turn: module → that, in words."""
    found: dict[str, str] = {}
    for name, path in modules.items():
        for file in _files(name, path):
            with contextlib.suppress(OSError, SyntaxError, ValueError, RecursionError):
                found |= _imports(ast.parse(Path(file).read_bytes()), name)
    return {name: said for name, said in found.items() if name not in modules}


def _local(names: Iterable[str]) -> dict[str, str]:
    """Return name → path of those modules that are the user's own."""
    return {name: path for name in sorted(names) if (path := _local_path(name))}


def _files(name: str, path: str) -> list[str]:
    """Return the files of a module: of a package, those that the notebook has loaded."""
    if os.path.isfile(path):
        return [path]
    loaded = [module for key, module in list(sys.modules.items()) if f"{key}.".startswith(f"{name}.")]
    files = [file for module in loaded if isinstance(file := getattr(module, "__file__", None), str)]
    return [file for file in files if file.endswith(SUFFIX)] or [os.path.join(path, "__init__.py")]


def _imports(tree: ast.Module, who: str) -> dict[str, str]:
    """Return what is imported for certain: module → that, in words. None where the path is changed."""
    if any(isinstance(node, ast.Attribute) and ast.unparse(node) in _PATH_CHANGES for node in ast.walk(tree)):
        return {}
    names = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    froms = (node for node in tree.body if isinstance(node, ast.ImportFrom) and not node.level)
    names += [node.module for node in froms if node.module]
    return {name.partition(".")[0]: f"{name}, which {who} imports," for name in names}


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


def _not_importable(modules: Mapping[str, str], directory: Path | None) -> dict[str, str]:
    """Return those of the modules, name → path, that a fresh Python in that directory does not find."""
    if not modules:
        return {}
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, "-c", _LOOK, *modules]
        try:
            done = subprocess.run(
                command, cwd=directory or empty, capture_output=True, timeout=_LOOK_S, check=True
            )
            return {name: modules[name] for name in json.loads(done.stdout)}
        except (OSError, subprocess.SubprocessError, ValueError):
            return {}  # nothing is refused for a look that failed


def _short(path: str) -> str:
    return min(path, os.path.relpath(path), key=len)
