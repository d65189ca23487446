"""A cell's run, with IPython and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.cell_runner.runs import Run


@pytest.fixture(params=["ipython", "plain"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    run = Run(tmp_path)
    return run if request.param == "ipython" else run.without_ipython()


@pytest.fixture
def run_ipython(tmp_path: Path) -> Run:
    return Run(tmp_path)
