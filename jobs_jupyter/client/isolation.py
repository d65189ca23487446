"""Starting a program of ours whatever the environment does to Python.

`PYTHONPATH`, `PYTHONHOME` and their like are a notebook's, for its jobs: what they name may stand before a
module that the service needs, or be gone. So they are ignored (`-E`), and where this process finds modules
is looked through last: what only `PYTHONPATH` has, as on machines with environment modules, is still found.

This file is also that program: `python isolation.py MODULE …` runs a module as `python -m MODULE …` does.
"""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import sys
from pathlib import Path

PATH_VARIABLE = "JOBS_JUPYTER_SYS_PATH"
FLAGS: tuple[str, ...] = ("-E",)


def command(module: str, *words: str) -> list[str]:
    """Return what runs a module of this package; it needs `variables` as its environment."""
    flags = [*FLAGS, "-P"]  # -P: the folder of this file is no place for modules
    if sys.flags.no_user_site:
        flags.append("-s")
    if sys.dont_write_bytecode:
        flags.append("-B")
    if sys.flags.utf8_mode:
        flags += ["-X", "utf8"]
    return [sys.executable, *flags, __file__, module, *words]


def variables() -> dict[str, str]:
    """Return this process's environment, and in it where it finds modules."""
    return {**os.environ, PATH_VARIABLE: json.dumps([entry for entry in sys.path if os.path.isabs(entry)])}


def main() -> None:
    """Run the module that the arguments name, from the package that this file is of."""
    sys.path += [entry for entry in json.loads(os.environ.pop(PATH_VARIABLE, "[]")) if entry not in sys.path]
    package = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(package.name, package / "__init__.py")
    assert spec is not None
    assert spec.loader is not None
    sys.modules[package.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
