"""What other clients of jobs call things: each row of the table is taken, or answered."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import cli, job
from jobs_jupyter.cli.parser import Parser
from jobs_jupyter.cli.synonyms import TABLE, Kind, markdown
from tests.cli.conftest import Call
from tests.jobs import run

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
ROWS = [pytest.param(row.kind, verb, row.theirs, row.ours, id=f"{verb} {row.theirs}".strip())
        for row in TABLE for verb in row.verbs]  # fmt: skip


def parser_of(verb: str) -> Parser:
    found = cli._parser()
    for word in verb.split():
        commands = next(each for each in found._actions if isinstance(each, argparse._SubParsersAction))
        found = commands.choices[word]
    return found


@pytest.mark.parametrize(("kind", "verb", "theirs", "ours"), ROWS)
def test_each_row(
    home: Path, refused: Callable[..., str], call: Call, kind: Kind, verb: str, theirs: str, ours: str
) -> None:
    parser = parser_of(verb)
    if kind is Kind.CLASH:
        assert theirs in parser.format_help(), "it is a word of ours"
    elif kind is Kind.OTHER:
        assert f"; {ours}. See: jupyter jobs" in refused(*verb.split(), theirs)
        assert theirs not in parser._option_string_actions
    elif theirs.startswith("-"):
        assert parser._option_string_actions[theirs] is parser._option_string_actions[ours]
        assert theirs not in [name for action in parser._actions for name in action.option_strings]
    else:
        assert call(theirs, "--help") == call(ours, "--help")
    assert not home.exists(), "nothing was started"


def test_no_word_has_two_meanings() -> None:
    words = [(verb, row.theirs) for row in TABLE for verb in row.verbs]
    assert len(words) == len(set(words))


def test_the_documentation_has_the_table() -> None:
    assert markdown() in DOCS.read_text()


def test_words_of_the_other_clients(service: Path, call: Call) -> None:
    job_id = run("echo one; echo two", name="my-job", tags={"team": "a"}).id
    other = run("echo other", name=job_id).id  # a name that is another's id
    status = call("status", "-n", "my-job", "-o", "json")
    assert status.json["id"] == job_id
    for line in (f"--id {job_id}", f"--job-id={job_id}", "-nmy-job", "my-job -j", job_id):
        assert call("inspect", *line.split(), "--format", "json").json == status.json
    assert call("status", "-n", job_id, "--json").json["id"] == other
    assert call("logs", "-n", "my-job", "--tail", "--max-lines", "1").out == "two\n"
    assert call("logs", "--tail", "1", "--submission-id", job_id).out == "two\n"
    assert call("logs", "-fn", "my-job").out == "one\ntwo\n"
    assert call("wait", "--name", "my-job", "-s", "succeeded", "-t", "60").code == 0
    listed = call("ps", "-l", "team=a", "--limit", "5", "--include-all-users", "-o", "json").json
    assert [each["id"] for each in listed] == [job_id]
    assert [each["id"] for each in call("ls", "--id", other, "-j").json] == [other]
    created = status.json["created_at"]
    assert [each["id"] for each in call("list", "--created-at-to", created, "--json").json] == [job_id]
    assert call("tags", "add", "-n", "my-job", "--tag", "a=1", "--tag", "b=2").code == 0
    assert call("tags", "add", "--id", job_id, "c=3", "d=4").code == 0
    assert call("tags", "remove", "--name", "my-job", "--key", "a").code == 0
    assert job.list_tags(job_id=job_id) == {"team": "a", "b": "2", "c": "3", "d": "4"}
    assert call("delete", "-n", "my-job", "--id", other).code == 0
    assert list(job.list()) == []


def test_a_job_is_submitted_and_stopped(service: Path, call: Call) -> None:
    options = ["--name", "long", "--max-retries", "0", "--timeout-s", "600", "--entrypoint-num-cpus", "1"]
    job_id = call("submit", *options, "--no-wait", "--", "sleep", "600").out.strip()
    config = job.status(id=job_id).config
    assert config is not None
    assert (config.name, config.max_retries, config.timeout_s) == ("long", 0, 600)
    assert call("stop", "--job-id", job_id).code == 0
    assert call("wait", "-n", "long", "--state", "terminated", "--timeout-s", "60").code == 0


def test_queues_by_name_and_id(service: Path, call: Call) -> None:
    call("submit", "-q", "line", "--wait", "--", "true")
    call("submit", "-q", "other", "--wait", "--", "true")
    queue = call("job-queue", "status", "-n", "line", "-o", "json").json
    assert call("queues", "status", "--job-queue-id", queue["id"], "--json").json == queue
    assert call("queues", "update", "-n", "line", "--idle-timeout-s", "7").code == 0
    for options in (["-n", "line"], ["--id", queue["id"]]):
        assert [each["name"] for each in call("queues", "list", *options, "-j").json] == ["line"]
    assert len(call("queues", "list", "--max-items", "1", "--json").json) == 1
