"""The static side of a panel."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs_jupyter.notebook.html import job_card, job_text

VIEW: dict[str, Any] = {
    "id": "prodjob_1",
    "name": "train",
    "state": "SUCCEEDED",
    "reason": None,
    "error": None,
    "started_at": "2026-01-01T00:00:00+00:00",
    "ended_at": "2026-01-01T01:02:03+00:00",
    "tags": {"team": "mlops"},
    "max_runs": 3,
    "runs": [{"attempt": 2}],
}


def test_what_the_card_says() -> None:
    card = job_card(VIEW)
    for fact in ("SUCCEEDED", "train", "prodjob_1", "run 2 of 3", "1:02:03", "team: mlops"):
        assert fact in card


def test_the_card_of_a_job_that_goes_on_is_dated() -> None:
    seen = datetime(2026, 11, 28, 14, 2)  # noqa: DTZ001 - the reader's own zone
    running = {**VIEW, "state": "STARTING", "started_at": None, "ended_at": None}
    assert "when last seen, 14:02 on 2026-11-28" in job_card(running, seen)
    assert "when last seen" not in job_card(VIEW, seen)


def test_a_failure_shows_the_error_and_its_line() -> None:
    error = {"type": "KeyError", "message": "'user_id'", "line": 14}
    card = job_card({**VIEW, "state": "FAILED", "error": error, "reason": "exit code 1"})
    assert "KeyError: &#x27;user_id&#x27;" in card
    assert "cell line 14" in card
    assert "exit code 1" in job_card({**VIEW, "state": "FAILED", "reason": "exit code 1"})


def test_what_to_know_is_a_line_each() -> None:
    card = job_card({**VIEW, "notices": ["numpy 1.26.4 here, 2.1.0 in the job", "<b>"]})
    assert ">numpy 1.26.4 here, 2.1.0 in the job</span></div>" in card
    assert "&lt;b&gt;" in card


def test_everything_is_escaped_and_nothing_needs_a_script() -> None:
    evil = "<script>alert(1)</script>\"'"
    error = {"type": evil, "message": evil, "line": None}
    card = job_card(
        {**VIEW, "id": evil, "name": evil, "state": "FAILED", "error": error, "tags": {evil: evil}}
    )
    assert "<script" not in card
    assert "class=" not in card


def test_the_text_stays_the_same_as_the_job_goes_on() -> None:
    assert job_text(VIEW) == job_text({**VIEW, "state": "RUNNING", "runs": []}) == "<Job train prodjob_1>"
