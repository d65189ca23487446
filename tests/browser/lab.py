"""A real JupyterLab, or Notebook 7, in a real, headless Chromium, for tests.

with Lab(folder, environment) as lab:
    notebook = lab.open("a.ipynb", ["print(1)"])
    notebook.run(0)
    notebook.page.locator(".jobs-jupyter").screenshot(path="panel.png")
    assert lab.errors() == []
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import nbformat
from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# No look-ups of news and updates, no autosave, and every cell stays attached to the document.
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}
# What a bare JupyterLab says on a machine without internet; any other error is ours.
NOT_OURS = ("favicon", "ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED", "ERR_CONNECTION_REFUSED")
START_S = 60


@dataclass(frozen=True)
class Application:
    """What opens notebooks: its module, its configuration's class, the path of a notebook in its URLs."""

    module: str
    config: str
    path: str
    ignored: tuple[str, ...] = ()


JUPYTERLAB = Application("jupyterlab", "LabApp", "lab/tree/{name}?reset&")
# A bare Notebook 7 always says this on the console.
NOTEBOOK = Application("notebook", "JupyterNotebookApp", "notebooks/{name}?", ("reading 'schema'",))


class Lab:
    """A JupyterLab or Notebook server in a folder, and a browser."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        application: Application = JUPYTERLAB,
    ) -> None:
        """Prepare a server whose root is `folder`; `environment` is added to its own."""
        self.folder, self._application = folder, application
        self._environment = dict(environment or {})
        self._token = secrets.token_hex(16)
        self._stack = contextlib.ExitStack()
        self._said: list[str] = []

    def __enter__(self) -> Self:
        """Start the server and the browser."""
        try:
            self._start_server()
            playwright = self._stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
            self._stack.callback(self._browser.close)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop both."""
        self._stack.close()

    def open(self, name: str, cells: list[str], *, width: int = 1280, dark: bool = False) -> Notebook:
        """Write a notebook of these cells and open it in a window of its own."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / name)
        context = self._browser.new_context(viewport={"width": width, "height": 900})
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", self._uncaught)
        url = f"{self._base}/{self._application.path.format(name=name)}token={self._token}"
        opened = Notebook(page, context, url)
        opened.load()
        if dark:
            opened.theme("JupyterLab Dark")
        return opened

    def errors(self) -> list[str]:
        """Errors on the browser's console since the last call."""
        said, self._said = self._said, []
        return said

    def api(self, path: str, method: str = "GET") -> Any:
        """Call Jupyter's own API."""
        return json.loads(self.read(path, method) or "null")

    def read(self, path: str, method: str = "GET") -> str:
        """Return the text of one of the server's pages."""
        headers = {"Authorization": f"token {self._token}"}
        request = urllib.request.Request(self._base + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.read().decode())

    def _console(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        known = (*NOT_OURS, *self._application.ignored)
        if message.type == "error" and not any(part in message.text + where for part in known):
            self._said.append(f"{message.text} ({where})")

    def _uncaught(self, error: Error) -> None:
        if not any(part in str(error) for part in self._application.ignored):
            self._said.append(f"uncaught: {error}")

    def _start_server(self) -> None:
        own = Path(self._stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        for key, value in SETTINGS.items():
            package, plugin = key.split(":")
            file = own / "settings" / package / f"{plugin}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value))
        port = _free_port()
        self._base = f"http://127.0.0.1:{port}"
        log = self._stack.enter_context((own / "log").open("wb"))
        self._server = subprocess.Popen(
            [sys.executable, "-m", self._application.module, *self._options(port)],
            cwd=self.folder,
            env={**os.environ, **_directories(own), **self._environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._stack.callback(self._stop_server)
        self._wait_for_server(own / "log")

    def _options(self, port: int) -> list[str]:
        return [
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}",
            "--ServerApp.port_retries=0",
            f"--ServerApp.root_dir={self.folder}",
            f"--IdentityProvider.token={self._token}",
            f"--{self._application.config}.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
        ]

    def _wait_for_server(self, log: Path) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.api("/api/status")
            except OSError:
                if self._server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(log.read_text()[-4000:]) from None
                time.sleep(0.1)
            else:
                return

    def _stop_server(self) -> None:
        with contextlib.suppress(OSError):
            self.api("/api/shutdown", method="POST")  # the kernels, too
        try:
            self._server.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)


class Notebook:
    """One notebook in one window."""

    def __init__(self, page: Page, context: BrowserContext, url: str) -> None:
        """Wrap a page that shows, or is going to show, the notebook at `url`."""
        self.page, self._context, self._url = page, context, url

    def load(self) -> None:
        """Load, or reload, the page, and wait for the kernel."""
        self.page.goto(self._url)
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=START_S * 1000)
        self.page.wait_for_function(
            "() => !!window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel",
            timeout=START_S * 1000,
        )

    def run(self, index: int) -> None:
        """Start a cell; does not wait for it."""
        self.page.evaluate(
            """index => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                notebook.activeCellIndex = index;
                notebook.deselectAll();
            }""",
            index,
        )
        self.command("notebook:run-cell")

    def command(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Execute one of JupyterLab's commands; does not wait for it."""
        self.page.evaluate(
            "([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, arguments or {}]
        )

    def wait_idle(self, timeout_s: float = 60) -> None:
        """Wait until no cell is running."""
        self.page.wait_for_function(
            """() => {
                const widget = window.jupyterapp.shell.currentWidget;
                const cells = widget.content.widgets.filter(cell => cell.model.type === 'code');
                return cells.every(cell => cell.model.executionState !== 'running') &&
                    widget.sessionContext.session.kernel.status === 'idle';
            }""",
            timeout=timeout_s * 1000,
        )

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """Return a cell's outputs as they would be saved."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "i => window.jupyterapp.shell.currentWidget.content.widgets[i].model.outputs.toJSON()", index
        )
        return found

    def theme(self, name: str) -> None:
        """Change JupyterLab's theme."""
        self.command("apputils:change-theme", {"theme": name})
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")

    def close(self) -> None:
        """Close the window and its kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self._context.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _directories(own: Path) -> dict[str, str]:
    names = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTER_DATA_DIR": "data",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    return {name: str(own / folder) for name, folder in names.items()}
