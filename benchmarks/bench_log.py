"""How fast a job can write: 1 GB into its log, beside the same command redirected to a file."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import once, show

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.paths import default_home

GIGABYTE = 10**9
COMMAND = f"head -c {GIGABYTE} /dev/zero"


def by_job() -> None:
    """Run it as a job, then delete what it wrote."""
    job.wait(id=job.submit(JobConfig(entrypoint=COMMAND, name="writes")))


def by_shell(folder: Path) -> None:
    """Run it with its output redirected to a file."""
    subprocess.run(["sh", "-c", f"{COMMAND} > {folder}/log"], check=True)


if __name__ == "__main__":
    job.wait(id=job.submit(JobConfig(entrypoint="true")))
    ratios = []
    for _ in range(5):
        with tempfile.TemporaryDirectory(dir=default_home()) as folder:
            plain = once(lambda: by_shell(Path(folder)))
        ours = once(by_job)
        job.delete(name="writes")
        ratios.append(plain / ours)
    show("a job that writes 1 GB, speed beside `> file`", f"{statistics.median(ratios):.2f}x", ">= 0.95x")
