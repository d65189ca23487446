"""How fast a job can write 1 GB into its log, beside a file; how long a search of 1 GB takes."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from pathlib import Path

from measure import once, show

from jobs_jupyter import job
from jobs_jupyter.client.http import client
from jobs_jupyter.job.models import JobConfig, JobStatus
from jobs_jupyter.models.paths import default_home

GIGABYTE = 10**9
COMMAND = f"head -c {GIGABYTE} /dev/zero"


def by_job() -> None:
    """Run it as a job, then delete what it wrote."""
    job.wait(id=job.submit(JobConfig(entrypoint=COMMAND, name="writes")))


def by_shell(folder: Path) -> None:
    """Run it with its output redirected to a file."""
    subprocess.run(["sh", "-c", f"{COMMAND} > {folder}/log"], check=True)


TEXT = "epoch 12 of 40: loss {}0.4199{}, accuracy 0.8713, 1204 samples a second"
KINDS = {"plain": TEXT.format("", ""), "coloured": TEXT.format(r"\033[32m", r"\033[0m")}


def searched(status: JobStatus, text: str) -> int:
    """Search the log of a job as the panel does; returns how many matches there are."""
    path = f"/v1/jobs/{status.id}/runs/{status.runs[-1].name}/log/search"
    count, at = 0, {"offset": 0, "line": 1}
    while True:
        found = client.json("GET", path, query={"text": text, **at})
        count += sum(block[3] for block in found["blocks"])
        if found["complete"]:
            return count
        at = {"offset": found["next"], "line": found["line"]}


def search(kind: str) -> None:
    """Show how long it takes to look through a log of 1 GB."""
    command = f"yes \"$(printf '{KINDS[kind]}')\" | head -c {GIGABYTE}"
    job.wait(id=job.submit(JobConfig(entrypoint=command, name="lines")))
    status = job.status(name="lines")
    for words, text in (("none has", "nothing"), ("each has", "LOSS")):
        taken = once(lambda text=text: searched(status, text))
        show(f"search of 1 GB of {kind} lines for a text that {words}", f"{taken:.1f} s", "")
    job.delete(name="lines")


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
    for kind in KINDS:
        search(kind)
