"""A notebook that is executed without a page, and what is exported of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from jobs_jupyter import job
from tests.jobs import python

pytestmark = pytest.mark.notebook
CELLS = [
    "%load_ext jobs_jupyter\nimport ipywidgets\nipywidgets.IntSlider(3)",  # somebody else's widget is saved
    "%%job quick -w none --wait\nprint('done')",
    "%%job slow -w none\nimport time\ntime.sleep(600)",
    "%job show quick",
]


@pytest.fixture
def source(service: Path, tmp_path: Path) -> Path:
    """A notebook of those cells."""
    path = tmp_path / "source.ipynb"
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def nbconvert(source: Path, *options: str) -> None:
    command = [sys.executable, "-m", "nbconvert", str(source), "--log-level=ERROR", *options]
    subprocess.run(command, check=True, timeout=100, capture_output=True)


def test_the_static_card_is_what_an_execution_leaves(source: Path) -> None:
    nbconvert(source, "--execute", "--to=notebook", "--output=executed.ipynb")
    executed = source.with_name("executed.ipynb")
    assert executed.stat().st_size < 20_000
    widgets = json.loads(executed.read_text())["metadata"]["widgets"]
    models = widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    assert {model["model_module"] for model in models} == {
        "@jupyter-widgets/base",
        "@jupyter-widgets/controls",
    }
    cells = nbformat.read(executed, as_version=4).cells
    for cell, name in ((cells[1], "quick"), (cells[2], "slow"), (cells[3], "quick")):
        [data] = [output.data for output in cell.outputs if "data" in output]
        assert set(data) == {"text/html", "text/plain"}
        assert re.fullmatch(rf"<Job {name} prodjob_\w{{26}}>", data["text/plain"])
    assert re.search(r"when last seen, \d\d:\d\d on \d{4}-\d\d-\d\d", str(cells[2].outputs))
    nbconvert(executed, "--to=html")
    html = executed.with_suffix(".html").read_text()
    for name in ("quick", "slow"):
        assert job.status(name=name).id in html
    assert "✓ SUCCEEDED" in html


def test_the_code_is_in_no_widget_state(home: Path) -> None:
    """A client that shows panels and saves the state of widgets keeps a loader of a few lines."""
    shown = python(
        "import ipywidgets, json\n"
        "from jobs_jupyter.notebook.panel import JobPanel\n"
        "view = {'id': 'prodjob_1', 'name': 'train', 'state': 'SUCCEEDED', 'ended_at': 'then'}\n"
        "panels = [JobPanel(view) for _ in range(3)]\n"
        "print(len(json.dumps(ipywidgets.Widget.get_manager_state(widgets=panels))))"
    )
    assert shown.stderr == ""
    assert int(shown.stdout) < 15_000
