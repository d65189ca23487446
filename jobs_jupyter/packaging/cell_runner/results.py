"""Variables in and out of the cell, and the files that say how it ended."""

# ruff: noqa: BLE001, S301 - it unpickles what the notebook sent, and reports whatever goes wrong

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .references import main_names

try:
    from cloudpickle import dumps as pickled
except ImportError:
    from pickle import dumps as pickled


class CellError(Exception):
    """The cell cannot be run, or its results cannot be kept; one sentence for the user."""


def load_input(folder: str, name: str) -> object:
    """Unpickle one variable.

    Raises:
        CellError: its package is missing, or it can't be unpickled.
    """
    try:
        with open(os.path.join(folder, "inputs", f"{name}.pickle"), "rb") as file:
            return pickle.load(file)
    except ModuleNotFoundError as error:
        package = (error.name or str(error)).partition(".")[0]
        raise CellError(
            f"The input {name!r} needs the package {package!r}, which the job's environment lacks. "
            f"Add it with --requirements {package}, or with --py-module PATH if it is a module of your own."
        ) from None
    except Exception as error:
        raise CellError(
            f"The input {name!r} cannot be unpickled: {type(error).__name__}: {error}. Make the value "
            f"in the cell instead, or give the job the notebook's versions of its packages."
        ) from None


class Outputs:
    """The directory of what a cell gives back."""

    def __init__(self, folder: str, names: Sequence[str]) -> None:
        self._folder = folder
        self._names = list(names)

    def promise(self) -> None:
        """Say which results are to come: if they don't, the run has failed, even with exit code 0."""
        if self._names:
            self._write_json("outputs.json", {"python": _python(), "promised": self._names})

    def keep(self, namespace: Mapping[str, object]) -> None:
        """Write the results.

        Raises:
            CellError: one was not set, or can't be pickled.
        """
        variables: dict[str, Any] = {}
        for name in self._names:
            if name not in namespace:
                raise CellError(
                    f"The cell did not set {name!r}, which -o promises. Set it, or leave it out of -o."
                )
            variables[name] = self._keep_one(name, namespace[name])
        self._write_json("outputs.json", {"python": _python(), "variables": variables})

    def keep_error(self, about: Mapping[str, Any]) -> None:
        """Write what the exception was."""
        self._write_json("error.json", about)

    def keep_displayed(self, counts: Mapping[str, int]) -> None:
        """Write how much was displayed beyond text."""
        if counts:
            self._write_json("displayed.json", counts)

    def _keep_one(self, name: str, value: object) -> dict[str, Any]:
        kind = type(value)
        try:
            content = pickled(value, protocol=5)
        except Exception as error:
            raise CellError(
                f"The result {name!r} ({kind.__module__}.{kind.__qualname__}) cannot be pickled: {error}. "
                f"Give back what it is made from, or save it to a file."
            ) from None
        if lacking := main_names(content):
            raise CellError(
                f"The result {name!r} refers to {' and '.join(map(repr, lacking))} by name, which only the "
                f"job has: it could not be loaded in the notebook. Give back plain data{_or_cloudpickle()}."
            )
        self._write(f"{name}.pickle", content)
        package = kind.__module__.partition(".")[0]
        version = getattr(sys.modules.get(package), "__version__", None)
        return {
            "type": kind.__qualname__,
            "module": kind.__module__,
            "package": package,
            "version": version if isinstance(version, str) else None,
            "size": len(content),
        }

    def _write_json(self, name: str, value: object) -> None:
        self._write(name, json.dumps(value, indent=1).encode())

    def _write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        os.makedirs(self._folder, exist_ok=True)
        path = os.path.join(self._folder, name)
        with open(f"{path}.tmp", "wb") as file:
            file.write(content)
        os.replace(f"{path}.tmp", path)


def _or_cloudpickle() -> str:
    """Return what else helps where functions and classes are pickled by name for want of cloudpickle."""
    return ", or add --requirements cloudpickle" if pickled is pickle.dumps else ""


def _python() -> str:
    return "{}.{}.{}".format(*sys.version_info)
