"""Cell → program: the files that a cell adds to its package."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = ".jobs_jupyter"
CELL_ENTRYPOINT = f"python {FOLDER}/run_cell.py"
RUNNER = "jobs_jupyter_runner"  # the name of the package that runs a cell, in the job
# It leaves no bytecode in the user's copy of the directory.
_SCRIPT = f"""\
import os
import sys

folder = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, folder)
writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
from {RUNNER}.program import main

sys.dont_write_bytecode = writes
sys.exit(main(folder))
"""


def build_cell(
    source: str,
    *,
    inputs: Mapping[str, bytes] | None = None,
    outputs: Sequence[str] = (),
    notebook: str | None = None,
    lines_above: int = 0,
) -> dict[str, bytes]:
    """Return path → content of the files that run a cell, for `snapshot(…, extra=…)`.

    Args:
        source: the cell as the user wrote it, without its `%%job` line.
        inputs: variable name → pickle.
        outputs: names of the variables that come back.
        notebook: the notebook's file name, for the record.
        lines_above: how many lines the editor shows above the source: 1 for the `%%job` line.
    """
    inputs = inputs or {}
    about = {
        "format": 1,
        "python": "{}.{}".format(*sys.version_info),
        "inputs": list(inputs),
        "outputs": list(outputs),
        "notebook": notebook,
        "lines_above": lines_above,
    }
    files = {
        "cell.py": source.encode("utf-8", "surrogatepass"),
        "cell.json": json.dumps(about, indent=1).encode(),
        "run_cell.py": _SCRIPT.encode(),
    }
    files |= {f"inputs/{name}.pickle": content for name, content in inputs.items()}
    files |= {f"{RUNNER}/{file.name}": file.read_bytes() for file in _runner_files()}
    return {f"{FOLDER}/{name}": content for name, content in files.items()}


def _runner_files() -> list[Path]:
    return sorted(Path(__file__).with_name("cell_runner").glob("*.py"))
