"""One JupyterLab and one browser for a file of browser tests, on a service of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.lab import JUPYTERLAB, Lab, Notebook
from tests.conftest import HOME, left_over, stop_everything

ROOT = Path(__file__).parents[2]

Open = Callable[..., Notebook]


# Not for the session: while Playwright runs, no other test in this process can have an event loop.
@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A running JupyterLab, or the application that is the parameter; its kernels' service is real."""
    application = getattr(request, "param", JUPYTERLAB)
    # In /tmp: a Unix socket's path has room for about a hundred bytes.
    folder = Path(tempfile.mkdtemp(prefix="jj-", dir="/tmp"))
    (folder / "notebooks").mkdir()
    with Lab(folder / "notebooks", {HOME: str(folder / "home")}, application) as running:
        yield running
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(HOME, str(folder / "home"))
        if (folder / "home" / "service.json").exists():
            stop_everything()
        assert not left_over(folder / "home"), "processes outlived their service's stop"
    shutil.rmtree(folder)


@pytest.fixture
def open_notebook(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens a notebook of given cells in a new window; no console error may have been seen at the end."""
    lab.errors()
    opened: list[Notebook] = []

    def open_(cells: list[str], *, width: int = 1280, dark: bool = False) -> Notebook:
        name = f"{request.node.name.split('[')[0]}-{len(opened)}.ipynb"
        opened.append(lab.open(name, cells, width=width, dark=dark))
        return opened[-1]

    yield open_
    for notebook in opened:
        notebook.close()
    assert lab.errors() == []


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """Where screenshots are kept."""
    folder = ROOT / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder
