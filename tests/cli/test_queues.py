"""Queues and compute configs from a shell, and jobs that are submitted into them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import job, job_queue
from jobs_jupyter.job.models import JobStatus
from tests.cli.conftest import Call
from tests.cli.program import Terminal
from tests.jobs import ended

COMPUTE = "head_node:\n  required_resources: {CPU: 1, memory: 64Mi}\n"


def test_submit_into_a_queue(service: Path, call: Call, tmp_path: Path) -> None:
    def submitted(*options: str) -> JobStatus:
        done = call("submit", *options)
        assert done.code == 0
        return ended(done.out.strip())

    first = submitted("-q", "line", "--", "true")
    assert job_queue.status(name="line").max_concurrency == 1
    assert first.config.job_queue_config is not None
    second = submitted("--queue", "line", "--priority", "3", "--cpus", "1", "--memory", "64Mi", "--", "true")
    queue = second.config.to_dict()["job_queue_config"]
    assert queue == {"target_job_queue_name": "line", "priority": 3}
    asked = {"min_resources": {"CPU": 1, "memory": 2**26}}
    assert second.config.to_dict(exclude_unset=True)["compute_config"] == asked
    assert (first.state, second.state) == ("SUCCEEDED", "SUCCEEDED")

    # a file's queue and compute config, as they are and replaced
    (tmp_path / "job.yaml").write_text(
        "entrypoint: 'true'\njob_queue_config: {priority: 7, target_job_queue_name: line}\n"
        "compute_config: {min_resources: {CPU: 1}}\n"
    )
    of_file = ("-f", str(tmp_path / "job.yaml"))
    for options, name, priority in (
        ((), "line", 7),
        (("--priority", "0"), "line", 0),
        (("-q", "other"), None, 7),  # made
        (("-q", "other", "--priority", "1"), "other", 1),
    ):
        config = submitted(*of_file, *options).config
        assert config.job_queue_config is not None
        assert (config.job_queue_config.target_job_queue_name, config.job_queue_config.priority) == (
            name,
            priority,
        )
        assert config.to_dict(exclude_unset=True)["compute_config"] == {"min_resources": {"CPU": 1}}
    assert {queue.name: queue.total_jobs for queue in job_queue.list()} == {"line": 4, "other": 2}


def test_queues(service: Path, call: Call, refused: Callable[..., str]) -> None:
    assert call("queues", "list").out == ""
    job_id = ended(call("submit", "-q", "line", "--", "true").out.strip()).id
    queue = job_queue.status(name="line")
    header, row = call("queues", "list").out.splitlines()
    assert header.split()[:3] == ["ID", "NAME", "PROJECT"]
    assert row.split()[:9] == [queue.id, "line", "default", "ACTIVE", "FIFO", "1", "0", "1", "0"]
    assert call("queues", "list", "--json").json == [queue.to_wire()]
    assert call("queues", "list", "-p", "elsewhere", "--json").json == []
    with Terminal("queues", "list", "-p", "elsewhere") as terminal:
        terminal.shows("There are no queues.")
        assert terminal.ends() == 0

    shown = call("queues", "status", "line").out
    for text in (queue.id, "1 succeeded, 0 failed, 1 in all", "idle timeout:", "300 s"):
        assert text in shown
    assert "mean 'line'" in refused("queues", "status", "lime", code=1)
    assert "project 'elsewhere'" in refused("queues", "status", "line", "-p", "elsewhere", code=1)

    change = ("queues", "update", "line", "--max-concurrency", "3")
    assert (call(*change).code, job_queue.status(name="line").max_concurrency) == (0, 3)
    changed = call("queues", "update", queue.id, "--idle-timeout", "0", "--json").json
    assert (changed["max_concurrency"], changed["idle_timeout_s"]) == (3, 0)

    assert call("queues", "archive", "line").out == "line takes no more jobs\n"
    assert "SEALED" in call("queues", "status", queue.id).out
    assert call("queues", "terminate", queue.id, "--json").json == {"id": queue.id}
    assert call("queues", "delete", "line").out == "line is deleted; its jobs stay\n"
    assert job.status(id=job_id).state == "SUCCEEDED"
    assert list(job_queue.list()) == []


def test_compute_configs(
    service: Path, call: Call, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(COMPUTE)
    (tmp_path / "several.yaml").write_text("configs:\n- min_resources: {CPU: 1}\n")
    (tmp_path / "cloud.yaml").write_text("head_node: {instance_type: m5}\n")
    (tmp_path / "wrong.yaml").write_text("head_nod: {}\n")
    assert call("compute-configs", "list").out == ""
    with Terminal("compute-configs", "list") as terminal:
        terminal.shows("There are no compute configs.")
        assert terminal.ends() == 0
    create = ("compute-configs", "create", "-f")
    assert call(*create, "small.yaml", "-n", "small").out == "small:1\n"
    assert call(*create, "small.yaml", "--name", "small", "--json").json == {"name": "small:2"}
    for name in ("several", "cloud"):
        assert call(*create, f"{name}.yaml", "-n", name).code == 0
    assert "head_nod: There is no such field; did you mean head_node?" in refused(*create, "wrong.yaml")
    assert "did you mean small.yaml?" in refused(*create, "smal.yaml", code=1)

    header, *rows = call("compute-configs", "list").out.splitlines()
    assert header.split() == ["ID", "NAME", "STATE", "AGE", "ASKS", "FOR"]
    shown = [[line.split()[1], " ".join(line.split()[4:])] for line in rows]
    assert shown == [
        ["cloud:1", "instance_type=m5"],
        ["several:1", "one of 1"],
        ["small:2", "CPU=1 memory=64Mi"],
    ]
    first = call("compute-configs", "get", "small:1")
    assert first.out.startswith("name:    small:1\n")
    assert "    memory: 64Mi\n" in first.out
    latest = call("compute-configs", "get", "small", "--json").json
    assert (latest["version"], latest["config"]["head_node"]["required_resources"]["CPU"]) == (2, 1)
    assert "are cloud, several, small" in refused("compute-configs", "get", "big", code=1)

    done = call("submit", "--compute", "small:1", "--wait", "--json", "--", "true").json
    assert (done["state"], done["config"]["compute_config"]) == ("SUCCEEDED", "small:1")
    assert "no instance type" in refused("submit", "--compute", "cloud", "--", "true", code=1)
    assert call("compute-configs", "archive", "small").out == "small is archived\n"
    assert call("compute-configs", "archive", "small", "--json").json == {"name": "small"}
    assert [each["name"] for each in call("compute-configs", "list", "--json").json] == [
        "cloud:1",
        "several:1",
    ]
    assert "archived" in call("compute-configs", "list", "--archived").out
    assert "'small' is archived" in refused("submit", "--compute", "small", "--", "true")
    assert "its name is not used again" in refused(*create, "small.yaml", "-n", "small")


def test_a_priority_that_does_nothing_is_named(service: Path, call: Call, tmp_path: Path) -> None:
    done = call("submit", "-q", "line", "--priority", "3", "--", "true")
    assert (done.code, done.out.startswith("prodjob_")) == (0, True)
    assert done.err == "Priority 3 has no effect: the queue 'line' is FIFO and starts the oldest job first.\n"
    file = tmp_path / "job.yaml"
    for mode, said in (("PRIORITY", ""), ("LIFO", "its queue is LIFO and starts the newest job first.")):
        file.write_text(
            "entrypoint: 'true'\njob_queue_config:\n  priority: 1\n"
            f"  job_queue_spec: {{idle_timeout_s: 5, execution_mode: {mode}}}\n"
        )
        done = call("submit", "-f", str(file))
        assert (done.code, done.err.strip().removeprefix("Priority 1 has no effect: ")) == (0, said)
    assert call("submit", "-q", "line", "--", "true").err == ""
