"""A real kernel: cells go in, what they show comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Shown:
    """What one cell showed."""

    def __init__(self, outputs: list[Any]) -> None:
        self.outputs = outputs

    @property
    def text(self) -> str:
        """What it printed."""
        return "".join(out.text for out in self.outputs if out.output_type == "stream")

    @property
    def error(self) -> str:
        """The traceback as shown, without colours; empty where there is none."""
        lines = [line for out in self.outputs if out.output_type == "error" for line in out.traceback]
        return ANSI.sub("", "\n".join(lines))

    @property
    def data(self) -> dict[str, Any]:
        """The MIME bundle of its last display or result."""
        shown = [out.data for out in self.outputs if "data" in out]
        return dict(shown[-1]) if shown else {}


Kernel = Callable[[str], Shown]


@pytest.fixture
def kernel(service: Path, tmp_path: Path) -> Iterator[Kernel]:
    """Run cells in a kernel with the extension loaded, in a directory of its own."""
    assert not service.exists()
    (tmp_path / "here").mkdir()
    notebook = nbformat.v4.new_notebook()
    client = NotebookClient(notebook, allow_errors=True, timeout=60)
    client.resources = {"metadata": {"path": str(tmp_path / "here")}}

    def run(source: str) -> Shown:
        notebook.cells.append(nbformat.v4.new_code_cell(source))
        cell = client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
        return Shown(cell.outputs)

    with client.setup_kernel():
        assert run("%load_ext jobs_jupyter").outputs == []
        yield run
