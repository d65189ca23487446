"""Which name was probably meant."""

from __future__ import annotations

import pytest

from jobs_jupyter.models.spelling import nearest, nearest_few

NAMES = [
    "idle_s",
    "max_retries",
    "memory",
    "gpus",
    "cpus",
    "--lines",
    "FAILED",
    "train",
    "status",
    "timeout_s",
    "src",
]


@pytest.mark.parametrize("typed", ["--bogus", "--tail", "-x", "--line-width-of-it"])
def test_dashes_are_no_likeness(typed: str) -> None:
    assert nearest(typed, ["--gpus", "--tag", "-x1", "--wait", "-n"]) is None


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("trian", "train"),
        ("scr", "src"),
        ("memroy", "memory"),
        ("gpu", "gpus"),
        ("idle", "idle_s"),
        ("stat", "status"),
        ("faild", "FAILED"),
        ("retries", "max_retries"),
        ("max_retrys", "max_retries"),
        ("--max-lines", "--lines"),
        ("timeout", "timeout_s"),
    ],
)
def test_slips_and_parts(typed: str, meant: str) -> None:
    assert nearest(typed, NAMES) == meant


@pytest.mark.parametrize(
    "typed", ["", "s", "ls", "cluster", "image", "lime", "retain", "entry", "-x", "state"]
)
def test_what_only_shares_letters(typed: str) -> None:
    assert nearest(typed, NAMES) is None


def test_the_nearest_is_first() -> None:
    assert nearest_few("train-1", ["train", "drain-1", "train-10", "other"], 2) == ["train-10", "drain-1"]
    assert nearest_few("train", [], 3) == []
