"""One run of a cell in a directory, as in a job but without a service."""

from __future__ import annotations

import json
import os
import pickle
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobs_jupyter.packaging.cell import CELL_ENTRYPOINT, build_cell
from jobs_jupyter.packaging.variables import dump_all


class Run:
    """One run of a cell, its log in a file as in a job."""

    def __init__(self, root: Path) -> None:
        self.root = root / "work"
        self.root.mkdir()
        self.log = root / "log"
        self.outputs = root / "outputs"
        self.environment = {
            **os.environ,
            "PYTHONUNBUFFERED": "1",
            "IPYTHONDIR": str(root / "ipython"),
            "JOBS_JUPYTER_OUTPUT_DIR": str(self.outputs),
        }

    def without_ipython(self) -> Run:
        """Let there be no IPython, as in an image that has only Python."""
        hides = self.root.parent / "hides"
        hides.mkdir()
        (hides / "IPython.py").write_text("raise ImportError")
        self.environment["PYTHONPATH"] = str(hides)
        return self

    def start(
        self,
        source: str,
        inputs: Mapping[str, object] | None = None,
        outputs: Sequence[str] = (),
        lines_above: int = 0,
    ) -> subprocess.Popen[bytes]:
        files = build_cell(source, inputs=dump_all(inputs or {}), outputs=outputs, lines_above=lines_above)
        return self.start_files(files)

    def start_files(self, files: Mapping[str, bytes]) -> subprocess.Popen[bytes]:
        for path, content in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(content)
        command = [sys.executable, *shlex.split(CELL_ENTRYPOINT)[1:]]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self.root, stdout=log, stderr=log, env=self.environment)

    def __call__(self, source: str, **given: Any) -> tuple[int, str]:
        process = self.start(source, **given)
        return process.wait(60), self.text

    @property
    def text(self) -> str:
        return self.log.read_bytes().decode()

    @property
    def plain(self) -> str:
        """The log without colours, and without the marks below quoted lines, which differ between Pythons."""
        text = self.text
        for code in ("1;36", "1;31", "0"):
            text = text.replace(f"\x1b[{code}m", "")
        return re.sub(r"^ *[~^]+\n", "", text, flags=re.MULTILINE)

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.outputs / "error.json").read_text())
        return found

    @property
    def displayed(self) -> dict[str, int] | None:
        place = self.outputs / "displayed.json"
        return json.loads(place.read_text()) if place.exists() else None

    @property
    def results(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.outputs / "outputs.json").read_text())
        return found

    def result(self, name: str) -> Any:
        return pickle.loads((self.outputs / f"{name}.pickle").read_bytes())

    def until(self, text: str) -> None:
        limit = time.monotonic() + 60
        while text not in self.text:
            assert time.monotonic() < limit, self.text
            time.sleep(0.01)
