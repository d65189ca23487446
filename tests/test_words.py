"""Words that people type."""

from __future__ import annotations

import argparse

import pytest

from jobs_jupyter import words
from jobs_jupyter.notebook.options import cell_parser


@pytest.mark.parametrize(
    ("text", "size"), [("64Mi", 2**26), ("8Gi", 2**33), ("1.5GiB", 3 * 2**29), ("1048576", 2**20)]
)
def test_sizes(text: str, size: int) -> None:
    assert words.size(text) == size


@pytest.mark.parametrize("text", ["", "8Xi", "-1Gi", "1023Ki", "8", "0", "Gi", "²"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="8Gi"):
        words.size(text)


def test_a_timeout_that_may_be_0() -> None:
    assert (words.idle("0"), words.idle("2m")) == (0, 120)
    with pytest.raises(argparse.ArgumentTypeError, match="90s"):
        words.idle("soon")


@pytest.mark.parametrize(
    ("line", "compute"),
    [
        ("", None),
        ("--cpus 2", {"min_resources": {"CPU": 2}}),
        ("--gpus 1 --memory 1Mi", {"min_resources": {"memory": 2**20, "GPU": 1}}),
        ("--compute big:2", "big:2"),
    ],
)
def test_what_a_cell_runs_on(line: str, compute: object) -> None:
    assert words.compute_of(cell_parser().read(line)) == compute


@pytest.mark.parametrize("resource", ["--cpus 1", "--memory 1Gi", "--gpus 1"])
def test_a_compute_config_and_resources_exclude_each_other(resource: str) -> None:
    with pytest.raises(ValueError, match="--compute big says what the job runs on"):
        words.compute_of(cell_parser().read(f"--compute big {resource}"))
