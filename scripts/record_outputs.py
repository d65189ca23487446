"""Put an executed notebook's outputs into the notebook that git keeps.

    python scripts/record_outputs.py NOTEBOOK EXECUTED

Readers see them, and nbval compares them. A panel is kept as its plain text, which does not
change as its job goes on; timings and widgets, which mean nothing later, are left out.
"""

from __future__ import annotations

import html
import sys
from typing import Any

import nbformat


def main(kept: str, executed: str) -> None:
    """Renew the outputs of `kept`."""
    notebook = nbformat.read(kept, as_version=4)
    done = nbformat.read(executed, as_version=4)
    for cell, result in zip(notebook.cells, done.cells, strict=True):
        if cell.cell_type == "code":
            cell.execution_count = result.execution_count
            cell.outputs = joined([lasting(output) for output in result.outputs])
    nbformat.write(notebook, kept)


def joined(outputs: list[Any]) -> list[Any]:
    """The outputs, what one stream wrote in several pieces as one."""
    found: list[Any] = []
    for output in outputs:
        if found and output.output_type == "stream" and found[-1].get("name") == output.name:
            found[-1].text += output.text
        else:
            found.append(output)
    return found


def lasting(output: Any) -> Any:
    """The output without what holds only while its kernel runs."""
    data = output.get("data", {})
    data.pop("application/vnd.jupyter.widget-view+json", None)
    if "text/html" in data:
        data["text/html"] = f"<div><pre>{html.escape(data['text/plain'])}</pre></div>"
    output.pop("transient", None)
    return output


if __name__ == "__main__":
    main(*sys.argv[1:])
