"""Run a notebook from beginning to end, and print each cell and what it shows as it goes.

    python notebooks/run.py NOTEBOOK RESULT

The executed notebook is written to RESULT, whose path is the last line printed. A cell that
fails ends the run with its error and exit code 1.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CELL_TIMEOUT_S = 300
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Printer(NotebookClient):
    """Executes a notebook; prints the text of every output when it arrives."""

    async def async_execute_cell(self, cell: Any, *arguments: Any, **options: Any) -> Any:
        """Print the cell, then run it."""
        if cell.cell_type != "code":
            print(f"\n{cell.source}", flush=True)
            return cell
        print(f"\n{indented(cell.source, 'In  ')}", flush=True)
        return await super().async_execute_cell(cell, *arguments, **options)

    def output(self, outs: Any, msg: Any, *arguments: Any) -> Any:
        """Print what the kernel shows, and keep it in the notebook."""
        if text := text_of(msg["content"]):
            print(indented(text, "Out "), flush=True)
        return super().output(outs, msg, *arguments)


def indented(text: str, mark: str) -> str:
    """`text` with a bar in front of every line."""
    lines = ANSI.sub("", text).rstrip().splitlines()
    return "\n".join(f"{mark if i == 0 else ' ' * len(mark)}│ {line}" for i, line in enumerate(lines))


def text_of(content: dict[str, Any]) -> str:
    """The text of an output message; what an error shows is printed at the end instead."""
    if "text" in content:
        return str(content["text"])
    return str(content.get("data", {}).get("text/plain", ""))


def main(source: Path, result: Path) -> int:
    """Run `source`, write `result`."""
    result = result.resolve()
    notebook = nbformat.read(source, as_version=4)
    client = Printer(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        extra_arguments=["--Application.log_level=ERROR"],  # it would warn of TCP, here on loopback
        resources={"metadata": {"path": str(source.resolve().parent)}},
        record_timing=False,
        store_widget_state=False,
    )
    began = time.monotonic()
    failure = None
    try:
        client.execute()
    except CellExecutionError as error:
        failure = error
    result.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, result)
    if failure:
        print(f"\n{ANSI.sub('', failure.traceback).strip()}\n")
    else:
        print(f"\nRun in {time.monotonic() - began:.0f} s. The executed notebook:")
    print(result, flush=True)
    return 1 if failure else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
