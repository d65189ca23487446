"""How long until one can begin: loading the extension, and the first job with no service running."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from measure import ms, show

LOAD = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = time.perf_counter()
shell.run_line_magic("load_ext", "jobs_jupyter")
print(time.perf_counter() - before)
"""

FIRST = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "jobs_jupyter")
before = time.perf_counter()
shell.run_cell_magic("job", "first -w none --as handle", "print('hello')")
shell.user_ns["handle"].wait(state="RUNNING")
print(time.perf_counter() - before)
from jobs_jupyter.client import service
shell.user_ns["handle"].wait()
service.stop()
"""


def in_fresh_python(code: str, times: int) -> float:
    """Return the median of what a program prints last but one, each time with a new state directory."""
    found = []
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="jj-", dir="/tmp") as folder:
            environment = {
                **os.environ,
                "JOBS_JUPYTER_HOME": f"{folder}/home",
                "IPYTHONDIR": f"{folder}/ipython",
            }
            command = [sys.executable, "-c", code]
            out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        found.append(float(out.strip().splitlines()[-1]))
    return statistics.median(found)


if __name__ == "__main__":
    show("%load_ext jobs_jupyter", ms(in_fresh_python(LOAD, 7)), "< 50 ms")
    show("first %%job, no service running -> RUNNING", ms(in_fresh_python(FIRST, 5)), "< 1500 ms")
