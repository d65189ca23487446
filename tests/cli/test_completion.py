"""Completion, asked as a shell asks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from jobs_jupyter import compute_config
from jobs_jupyter.job.models import JobQueueConfig, JobQueueSpec
from tests.cli.conftest import Call
from tests.cli.program import PROGRAM
from tests.jobs import ended, run, submit


def completed(line: str, answers: Path) -> list[str]:
    program = Path(PROGRAM).with_name(line.split()[0])
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answers),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    answers.touch()
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run([program], env={**os.environ, **asked, "PATH": path}, capture_output=True, check=False)
    return [word.strip() for word in answers.read_text().split("\n")]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("jupyter-jobs st", ["status", "stop"]),
        ("jupyter jobs ta", ["tags"]),
        ("jupyter jobs ca", ["cancel"]),
        ("jupyter jobs tags r", ["remove"]),
        ("jupyter jobs list --so", ["--sort"]),
        ("jupyter jobs list --state F", ["FAILED"]),
        (
            "jupyter jobs status ",
            [
                *(
                    "-h",
                    "--help",
                    "--json",
                    "-o",
                    "--output",
                    "--home",
                    "-p",
                    "--project",
                    "--archived",
                    "--run",
                ),
                *("-n", "--name", "--id"),
            ],
        ),
    ],
)
def test_words(home: Path, tmp_path: Path, line: str, words: list[str]) -> None:
    assert set(completed(line, tmp_path / "answers")) == set(words)
    assert not home.exists(), "no service was started"


def test_names_of_jobs_queues_and_compute_configs(service: Path, tmp_path: Path) -> None:
    run("true", name="train")
    run("true", name="test")
    compute_config.create({"worker_nodes": []}, name="small")
    spec = JobQueueSpec(name="line", idle_timeout_s=60, compute_config="small")
    ended(submit("true", job_queue_config=JobQueueConfig(job_queue_spec=spec)))
    for number, (line, word) in enumerate(
        {
            "logs tr": "train",
            "logs -n tr": "train",
            "stop -n tr": "train",
            "queues status -n l": "line",
            "queues status l": "line",
            "submit -q l": "line",
            "submit --compute s": "small",
            "compute-configs get s": "small",
        }.items()
    ):
        assert completed(f"jupyter jobs {line}", tmp_path / str(number)) == [word]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(home: Path, call: Call, shell: str) -> None:
    done = call("completion", shell)
    assert done.code == 0
    assert "jupyter-jobs" in done.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.out, text=True, check=True)
