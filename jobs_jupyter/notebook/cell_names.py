"""The names of a cell: what goes in, what comes out, and what to write for those that it lacks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from jobs_jupyter.models.spelling import nearest
from jobs_jupyter.notebook.options import UsageError
from jobs_jupyter.packaging.free_names import assigned_names, free_names

_OF_IPYTHON = {"In", "Out", "exit", "get_ipython", "open", "quit"}  # in each notebook: nobody means them
_MAIN = "__main__"


def chosen(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that go into the job.

    Args:
        names: what `-i` lists.
        namespace: the notebook's variables.

    Raises:
        UsageError: the notebook lacks some; all are named.
    """
    names = list(names)
    if lacking := [name for name in names if name not in namespace]:
        near = [found for name in lacking if (found := nearest_variable(name, namespace))]
        one = len(lacking) == 1
        hint = (
            f"did you mean {' and '.join(near)}?"
            if near
            else f"run the cell that makes {_it(lacking)} first."
        )
        what = f"variable{'' if one else 's'} {_listed(lacking)}"
        raise UsageError(f"%%job: -i {','.join(lacking)}: the notebook has no {what}; {hint}")
    return {name: namespace[name] for name in names}


def check_names(
    source: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    namespace: Mapping[str, Any],
    lines_above: int = 0,
) -> None:
    """Refuse a cell that can't get to its end: for names that it lacks or results that it does not make.

    Args:
        source: the cell, without its `%%job` line.
        inputs: names of the variables that it is given.
        outputs: names of the variables that it has to set.
        namespace: the notebook's variables.
        lines_above: how many lines of the editor stand above the source, for the number in an error.

    Raises:
        UsageError: something is missing; all of it is named, with what to write.
        PackageError: the cell has a syntax error.
    """
    if missing := free_names(source, inputs, lines_above):
        raise UsageError(f"%%job: {explain(missing, namespace)}")
    made = assigned_names(source, lines_above)
    if made is None:
        return
    if unset := [name for name in outputs if name not in made and name not in inputs]:
        near = [found for name in unset if (found := nearest_variable(name, made))]
        hint = (
            f"did you mean {' and '.join(near)}?"
            if near
            else f"assign {_it(unset)}, or leave {_it(unset)} out."
        )
        raise UsageError(f"%%job: -o {','.join(unset)}: the cell does not assign {_listed(unset)}; {hint}")


def explain(names: Iterable[str], namespace: Mapping[str, Any]) -> str:
    """Return what to write for all names that the cell uses and nothing gives it.

    Args:
        names: what is missing, one at least.
        namespace: the notebook's variables.
    """
    names = list(names)
    unknown = [name for name in names if name not in namespace]
    imports = {name: line for name in names if (line := _import_of(name, namespace.get(name)))}
    passed = [name for name in names if name not in imports and name not in unknown]
    said = [_imports(imports), _inputs(passed), _unknown(unknown, namespace)]
    return f"the cell uses {' It uses '.join(filter(None, said))}"


def nearest_variable(name: str, names: Iterable[str]) -> str | None:
    """Return the variable of a notebook that `name` was probably meant to be."""
    return nearest(name, (each for each in names if not each.startswith("_") and each not in _OF_IPYTHON))


def _imports(lines: Mapping[str, str]) -> str:
    if not lines:
        return ""
    written = " and ".join(f"`{line}`" for line in dict.fromkeys(lines.values()))
    return f"{_listed(lines)}, which only the notebook has imported; write {written} in the cell."


def _inputs(names: list[str]) -> str:
    if not names:
        return ""
    it = _it(names)
    return f"{_listed(names)}, but only the notebook has {it}; pass {it} with -i {','.join(names)}."


def _unknown(names: list[str], namespace: Mapping[str, Any]) -> str:
    if not names:
        return ""
    said = f"{_listed(names)}, which neither it nor the notebook defines"
    near = [found for name in names if (found := nearest_variable(name, namespace))]
    if near:
        return f"{said}; did you mean {' and '.join(near)}?"
    return f"{said}; define {_it(names)} in the cell."


def _listed(names: Iterable[str]) -> str:
    *first, last = map(repr, names)
    return f"{', '.join(first)} and {last}" if first else last


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _import_of(name: str, value: object) -> str | None:
    """Return the import that gives the cell this value of the notebook; None where none does."""
    if isinstance(value, ModuleType):
        return _module_import(name, value.__name__)
    module, own = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not (isinstance(module, str) and isinstance(own, str) and own.isidentifier()) or module == _MAIN:
        return None
    public = next((place for place in _places(module) if getattr(place, own, None) is value), None)
    if public is None or public.__name__ == _MAIN:
        return None
    return f"from {public.__name__} import {own}" + ("" if own == name else f" as {name}")


def _module_import(name: str, module: str) -> str | None:
    if module == _MAIN:
        return None
    package, _, last = module.rpartition(".")
    if not package:
        return f"import {module}" + ("" if module == name else f" as {name}")
    return f"from {package} import {last}" if last == name else f"import {module} as {name}"


def _places(module: str) -> Iterable[ModuleType]:
    """Yield the loaded packages around a module, the outermost first, and the module itself."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        if (found := sys.modules.get(".".join(parts[:length]))) is not None:
            yield found
