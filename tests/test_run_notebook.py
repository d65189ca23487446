"""notebooks/run.py, by scripts/sandbox.py, as `make demo` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.notebook


def run(tmp_path: Path, *cells: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    source, result = tmp_path / "source.ipynb", tmp_path / "made" / "result.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Title"), *map(new_code_cell, cells)]), source)
    command = [ROOT / "scripts/sandbox.py", sys.executable, ROOT / "notebooks/run.py", source, result]
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    return done, result


def test_prints_cells_and_outputs_and_ends_with_the_result(tmp_path: Path) -> None:
    done, result = run(tmp_path, "print('first')\n6 * 7")
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert "# Title" in lines
    assert "In  │ print('first')" in lines
    assert "Out │ first" in lines
    assert "Out │ 42" in lines
    assert lines[-1] == str(result)
    assert nbformat.read(result, as_version=4).cells[1].outputs[-1].data["text/plain"] == "42"


def test_a_failing_cell_ends_the_run_with_its_error(tmp_path: Path) -> None:
    done, result = run(tmp_path, "1 / 0", "print('never')")
    assert done.returncode == 1
    assert "ZeroDivisionError: division by zero" in done.stdout
    assert "never" not in done.stdout
    assert done.stdout.splitlines()[-1] == str(result)


def test_the_notebook_has_a_state_directory_of_its_own(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "import os\nprint(os.environ['JOBS_JUPYTER_HOME'])")
    home = next(line for line in done.stdout.splitlines() if line.startswith("Out │ ")).removeprefix("Out │ ")
    assert home.startswith("/tmp/jj-")
    assert not Path(home).parent.exists()
