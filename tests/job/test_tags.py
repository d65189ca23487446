"""`job.add_tags`, `job.remove_tags`, `job.list_tags`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job
from tests.jobs import run, running, submit

WRONG: tuple[Any, ...] = (
    {"": "empty key"},
    {"a b": "space"},
    {"ä": "not ASCII"},
    {"k" * 129: "long key"},
    {"long": "v" * 257},
    {"control": "a\nb"},
    {"number": 1},
    {1: "number"},
    ["a"],
    {f"key{number}": "" for number in range(65)},
)


def test_tags_come_and_go(service: Path) -> None:
    job_id = run("true", name="tagged", tags={"team": "x"}).id
    assert job.list_tags(job_id=job_id) == {"team": "x"}
    assert job.add_tags(job_id=job_id, tags={"team": "y", "env": "prod"}) is None  # type: ignore[func-returns-value]
    assert job.list_tags(name="tagged") == {"team": "y", "env": "prod"}
    assert job.remove_tags(name="tagged", keys=["team", "never-there"]) is None  # type: ignore[func-returns-value]
    assert job.list_tags(job_id=job_id) == {"env": "prod"}
    job.remove_tags(job_id=job_id, keys=["never-there"])
    job.remove_tags(job_id=job_id, keys=["env"])
    assert job.list_tags(job_id=job_id) == {}

    status = job.status(id=job_id)
    assert status.tags == {}
    assert status.config.tags == {"team": "x"}, "the config stays what was submitted"


def test_tags_of_a_running_job(service: Path) -> None:
    job_id = running(submit("sleep 600"))
    before = job.status(id=job_id)
    job.add_tags(job_id=job_id, tags={"a": "b"})
    after = job.status(id=job_id)
    assert after.tags == {"a": "b"}
    assert before.updated_at
    assert after.updated_at
    assert after.updated_at > before.updated_at
    assert after.status_updated_at == before.status_updated_at


def test_every_tag_that_the_rules_allow(service: Path) -> None:
    job_id = run("true").id
    tags = {"A-z_0.9:/": "", "k" * 128: "v" * 256, "text": "a=b, ünï 🎈 'quotes' & %20"}
    job.add_tags(job_id=job_id, tags=tags)
    assert job.list_tags(job_id=job_id) == tags
    for key, value in tags.items():
        assert [each.id for each in job.list(tags_filter={key: [value]})] == [job_id]
    job.remove_tags(job_id=job_id, keys=list(tags))
    assert job.list_tags(job_id=job_id) == {}


def test_a_tag_that_breaks_a_rule_changes_nothing(service: Path) -> None:
    full = {f"key{number}": "" for number in range(63)}
    job_id = run("true", tags=full).id
    for tags in WRONG:
        with pytest.raises(ValueError, match=r"\w"):
            job.add_tags(job_id=job_id, tags={"good": "one", **tags} if isinstance(tags, dict) else tags)
    with pytest.raises(ValueError, match="at most 64"):
        job.add_tags(job_id=job_id, tags={"one": "", "two": ""})
    assert job.list_tags(job_id=job_id) == full
    job.add_tags(job_id=job_id, tags={"one": "", "key0": "changed"})
    assert len(job.list_tags(job_id=job_id)) == 64


def test_nothing_to_do_is_refused(home: Path) -> None:
    with pytest.raises(ValueError, match="tags is empty"):
        job.add_tags(job_id="prodjob_1", tags={})
    with pytest.raises(ValueError, match="keys is empty"):
        job.remove_tags(job_id="prodjob_1", keys=[])
    with pytest.raises(TypeError, match="list"):
        job.remove_tags(job_id="prodjob_1", keys="team")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not valid"):
        job.remove_tags(job_id="prodjob_1", keys=["a b"])
    assert not home.exists()
