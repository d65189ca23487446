"""A job that fails for a file that a rule kept from it is told so."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import InvalidRequestError
from tests.jobs import run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory, two of whose rules stand above it."""
    root = tmp_path / "repo"
    (root / "here" / "data").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / ".gitignore").write_text("*.csv\nhelpers.py\n/here/data/\n")
    for name in ("a.csv", "my table.csv", "helpers.py", "data/b.bin", "kept.txt"):
        (root / "here" / name).write_text("x = 1")
    return root / "here"


def notices(job_id: str) -> list[str]:
    return list(client.json("GET", f"/v1/jobs/{job_id}/view")["notices"] or [])


@pytest.mark.parametrize(
    ("entrypoint", "place", "rule"),
    [
        ("cat a.csv", "a.csv", "*.csv"),
        ("python -c \"open('my table.csv')\"", "my table.csv", "*.csv"),
        ("python -c \"open('./data/b.bin')\"", "data", "/here/data/"),
        ("python -c \"import os; open(os.path.abspath('data/b.bin'))\"", "data", "/here/data/"),
        ("python -c 'import helpers'", "helpers.py", "helpers.py"),
        ("python helpers.py", "helpers.py", "helpers.py"),
    ],
)
def test_the_rule_is_named(service: Path, project: Path, entrypoint: str, place: str, rule: str) -> None:
    status = run(entrypoint, working_dir=str(project))
    assert status.state == "FAILED"
    why = f"{place!r} was left out of the job's directory by {rule} (../.gitignore)."
    assert notices(status.id) == [f"{why} Exclude '!{place}' (-x, excludes) to take it in."]
    assert run(entrypoint, working_dir=str(project), excludes=[f"!{place}"]).state == "SUCCEEDED"


def test_nothing_is_said_of_what_is_not_missed(service: Path, project: Path) -> None:
    for entrypoint in ("cat nowhere.csv", "echo a.csv; exit 1", "cat kept.txt; exit 2", "cat a.csv; true"):
        assert notices(run(entrypoint, working_dir=str(project)).id) == []


def test_a_run_that_finds_it_takes_that_back(service: Path, project: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = f"test -e {flag} || {{ touch {flag}; cat a.csv; }}"
    status = run(code, working_dir=str(project), max_retries=1)
    assert [each.state for each in status.runs] == ["FAILED", "SUCCEEDED"]
    assert notices(status.id) == []


def test_what_is_sent_is_checked(service: Path) -> None:
    for wrong in ({"a": 1}, ["a"], {str(number): "x" for number in range(1001)}):
        with pytest.raises(InvalidRequestError, match="left_out must map strings to strings, 1000 at most"):
            client.json("POST", "/v1/jobs", body={"config": {"entrypoint": "true"}, "left_out": wrong})
    assert list(job.list()) == []
