"""Cell → program: the files that a cell adds to its package."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = ".jobs_jupyter"
CELL_ENTRYPOINT = f"python {FOLDER}/run_cell.py"


def build_cell(
    source: str,
    *,
    inputs: Mapping[str, bytes] | None = None,
    outputs: Sequence[str] = (),
    notebook: str | None = None,
) -> dict[str, bytes]:
    """Return path → content of the files that run a cell, for `snapshot(…, extra=…)`.

    Args:
        source: the cell as the user wrote it, without its `%%job` line.
        inputs: variable name → pickle.
        outputs: names of the variables that come back.
        notebook: the notebook's file name, for the record.
    """
    inputs = inputs or {}
    about = {
        "format": 1,
        "python": "{}.{}".format(*sys.version_info),
        "inputs": list(inputs),
        "outputs": list(outputs),
        "notebook": notebook,
    }
    files = {
        "cell.py": source.encode("utf-8", "surrogatepass"),
        "cell.json": json.dumps(about, indent=1).encode(),
        "run_cell.py": Path(__file__).with_name("cell_runner.py").read_bytes(),
    }
    files |= {f"inputs/{name}.pickle": content for name, content in inputs.items()}
    return {f"{FOLDER}/{name}": content for name, content in files.items()}
