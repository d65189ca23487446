"""Run a command with a state directory of its own, and leave nothing of it behind.

    python scripts/sandbox.py COMMAND [ARGUMENT ...]

The command sees a fresh JOBS_JUPYTER_HOME and Jupyter and IPython directories that are not the
user's. When it ends, jobs that still run are terminated, the service is stopped, and the
directory is removed. The exit code is the command's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

# What must not reach over to, or be read from, the user's own directories.
JUPYTER_DIRECTORIES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")


def main(command: list[str]) -> int:
    """Run `command`; answer its exit code."""
    # In /tmp whatever TMPDIR says: a Unix socket's path has room for about a hundred bytes.
    with tempfile.TemporaryDirectory(prefix="jj-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        home = Path(folder, "home")
        os.environ["JOBS_JUPYTER_HOME"] = str(home)
        os.environ.update({name: str(Path(folder, name.lower())) for name in JUPYTER_DIRECTORIES})
        # Ctrl-C is for the command; what is left of it is cleaned up here all the same.
        signal.signal(signal.SIGINT, lambda *_: None)
        process = subprocess.Popen(command)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        finally:
            if (home / "service.json").exists():
                stop_everything()


def stop_everything() -> None:
    """Terminate the jobs that are still active, then stop the service."""
    from jobs_jupyter import job
    from jobs_jupyter.client import service

    try:
        for status in list(job.list(state_filter=["STARTING", "RUNNING"])):
            job.terminate(id=status.id)
            job.wait(id=status.id, state="TERMINATED", timeout_s=15)
    finally:
        service.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
