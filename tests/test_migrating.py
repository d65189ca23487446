"""docs/migrating.md: what the SDK differs in from the hosted service's."""

from __future__ import annotations

import json

import pytest

from scripts import differences
from scripts.differences import BEGIN, END, OFFICIAL, PAGE
from scripts.reasons import REASONS


def test_the_table_has_every_difference_and_is_up_to_date() -> None:
    shown = PAGE.read_text().split(BEGIN)[1].split(END)[0]
    assert shown == differences.table(), "write it with: .venv/bin/python -m scripts.differences"
    assert json.loads(OFFICIAL.read_text())["package"].split() == ["anyscale", "0.26.112"]
    assert "0.26.112" in PAGE.read_text()


def test_each_reason_is_for_a_difference() -> None:
    used = {differences.reason(place, said) for place, said in differences.differences()}
    assert [why for _, _, why in REASONS if why not in used] == []


def test_a_difference_without_a_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs_jupyter.job.status", lambda job: job)
    with pytest.raises(LookupError, match=r"job\.status: lacks .*`include_archived`.*: say why"):
        differences.table()
