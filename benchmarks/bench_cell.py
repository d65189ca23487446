"""How fast a cell prints: a million lines into a file, beside Python that buffers and Python that doesn't."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import show

from jobs_jupyter.packaging.cell import build_cell

SOURCE = """
import time
began = time.perf_counter()
for i in range(1_000_000):
    print(i)
with open("seconds", "w") as file:
    file.write(str(time.perf_counter() - began))
"""
RUNNER, PLAIN = ".jobs_jupyter/run_cell.py", ".jobs_jupyter/cell.py"


def seconds(script: str, **environment: str) -> float:
    """Run the cell by one of its files; return how long its loop took."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with tempfile.TemporaryDirectory() as folder:
        for path, content in build_cell(SOURCE).items():
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        with Path(folder, "log").open("ab") as log:
            subprocess.run(
                [sys.executable, script],
                cwd=folder,
                stdout=log,
                stderr=log,
                env={**variables, **environment},
                check=True,
            )
        return float(Path(folder, "seconds").read_text())


if __name__ == "__main__":
    turns = [(seconds(RUNNER), seconds(PLAIN), seconds(PLAIN, PYTHONUNBUFFERED="1")) for _ in range(5)]
    cell, buffered, unbuffered = (statistics.median(each) for each in zip(*turns, strict=True))
    show(
        "a cell that prints a million lines",
        f"{cell:.2f} s",
        "< python -u",
        f"python -u {unbuffered:.2f} s; in a block buffer, which a crash would lose, {buffered:.2f} s",
    )
