"""What to write for the names that a cell lacks: an import, an `-i`, or the name that was meant."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from jobs_jupyter.models.spelling import nearest

_OF_IPYTHON = {"In", "Out", "exit", "get_ipython", "open", "quit"}  # in each notebook: nobody means them
_MAIN = "__main__"


def explain(names: Iterable[str], namespace: Mapping[str, Any]) -> str:
    """Return a sentence on all names that the cell uses and nothing gives it, and what to write.

    Args:
        names: what is missing, one at least.
        namespace: the notebook's variables.
    """
    names = list(names)
    unknown = [name for name in names if name not in namespace]
    imports = {name: line for name in names if (line := _import_of(name, namespace.get(name)))}
    passed = [name for name in names if name not in imports and name not in unknown]
    parts = [_imports(imports), _inputs(passed), _unknown(unknown, namespace)]
    return "; ".join(filter(None, parts)) + "."


def nearest_variable(name: str, names: Iterable[str]) -> str | None:
    """Return the variable of a notebook that `name` was probably meant to be."""
    return nearest(name, (each for each in names if not each.startswith("_") and each not in _OF_IPYTHON))


def _imports(lines: Mapping[str, str]) -> str:
    if not lines:
        return ""
    written = " and ".join(f"`{line}`" for line in dict.fromkeys(lines.values()))
    return f"the cell uses {_listed(lines)}, which only the notebook has imported: write {written} in the cell"


def _inputs(names: list[str]) -> str:
    if not names:
        return ""
    return f"the cell uses {_listed(names)}, but only the notebook has {_it(names)}: pass {_it(names)} with -i {','.join(names)}"


def _unknown(names: list[str], namespace: Mapping[str, Any]) -> str:
    if not names:
        return ""
    near = {name: found for name in names if (found := nearest_variable(name, namespace))}
    said = f"the cell uses {_listed(names)}, which neither it nor the notebook defines"
    if len(names) == len(near) == 1:
        return f"{said}: did you mean {near[names[0]]}?"
    meant = ", ".join(f"{found} for {name}" for name, found in near.items())
    return f"{said}: define {_it(names)} in the cell" + (f" (did you mean {meant}?)" if meant else "")


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
