"""How long after a job has written a line the line is in its panel, in a real browser."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from measure import ms, show

sys.path.insert(0, str(Path(__file__).parents[1]))

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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="jj-", dir="/tmp") as name:
        os.environ.setdefault("JOBS_JUPYTER_HOME", f"{name}/home")
        Path(name, "notebooks").mkdir()
        delays = latencies(Path(name, "notebooks"))
    if len(delays) < LINES * 0.8:
        raise SystemExit(f"only {len(delays)} of {LINES} lines were seen")
    worst = statistics.quantiles(delays, n=20)[-1]
    show(
        "line written -> line in the panel", ms(statistics.median(delays)), "< 200 ms", f"(95%: {ms(worst)})"
    )
