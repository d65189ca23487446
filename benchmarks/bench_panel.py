"""How soon a line is in its panel, and how long a download takes, in a real browser."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measure import ms, show

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.sync_api import expect

from tests.browser.lab import Lab
from tests.browser.panels import Panel

LINES = 40

# each line is the moment at which it was written, in milliseconds
CELL = f"""%%job lines -w none
import time
time.sleep(2)
for number in range({LINES}):
    print(f"at {{time.time() * 1000:.0f}}")
    time.sleep(0.2)
"""

SIZES = (84, 1000)  # MB
FULL = """%%job full-{size} -w none
line = "0123456789" * 8 + "abc\\n"
for _ in range({size} * 100):
    print(line * 119, end="")
"""

# looks at every frame, and notes when a line was first seen
OBSERVE = """() => {
  window.seen = {};
  const look = () => {
    for (const row of document.querySelectorAll('.xterm-rows > div')) {
      const match = /at (\\d{13})/.exec(row.textContent);
      if (match && !(match[1] in window.seen)) window.seen[match[1]] = Date.now() - Number(match[1]);
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def latencies(folder: Path) -> list[float]:
    """Return for each line how long it took to the page, in seconds."""
    with Lab(folder) as lab:
        notebook = lab.open("bench.ipynb", ["%load_ext jobs_jupyter", CELL])
        notebook.run(0)
        notebook.page.evaluate(OBSERVE)
        notebook.run(1)
        Panel(notebook, 1).wait_for("SUCCEEDED")
        notebook.page.wait_for_timeout(500)
        found = notebook.page.evaluate("() => Object.values(window.seen)")
        notebook.close()
    return [value / 1000 for value in found]


def downloads(folder: Path) -> dict[int, float]:
    """Return how long a download of so many MB takes, in seconds."""
    taken = {}
    with Lab(folder) as lab:
        notebook = lab.open(
            "download.ipynb", ["%load_ext jobs_jupyter", *(FULL.format(size=s) for s in SIZES)]
        )
        notebook.run(0)
        for cell, size in enumerate(SIZES, 1):
            notebook.run(cell)
            panel = Panel(notebook, cell)
            expect(panel.state).to_have_text("SUCCEEDED", timeout=600_000)
            begun = time.monotonic()
            with notebook.page.expect_download(timeout=900_000):
                panel.root.get_by_role("button", name="Download the whole log").click()
            taken[size] = time.monotonic() - begun
        notebook.close()
    return taken


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="jj-", dir="/tmp") as name:
        os.environ.setdefault("JOBS_JUPYTER_HOME", f"{name}/home")
        Path(name, "notebooks").mkdir()
        delays = latencies(Path(name, "notebooks"))
        taken = downloads(Path(name, "notebooks"))
    if len(delays) < LINES * 0.8:
        raise SystemExit(f"only {len(delays)} of {LINES} lines were seen")
    worst = statistics.quantiles(delays, n=20)[-1]
    show(
        "line written -> line in the panel", ms(statistics.median(delays)), "< 200 ms", f"(95%: {ms(worst)})"
    )
    for size, seconds in taken.items():
        show(
            f"a log of {size} MB -> a file, from the panel",
            f"{seconds:.1f} s",
            "",
            f"({size / seconds:.0f} MB/s)",
        )
