"""The settings, as a shell shows them, and as the service keeps to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.models.errors import ServiceStartError
from tests.cli.conftest import Call
from tests.jobs import ended, run, running, submit


def values(shown: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in shown.splitlines()[1:]}


def test_without_a_service(home: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "config.yaml").write_text("gpus: [0, 2]\n")
    monkeypatch.setenv("JOBS_JUPYTER_CPUS", "3")
    shown = values(call("config").out)
    assert shown["gpus"] == ["[0,", "2]", str(home / "config.yaml")]
    assert shown["cpus"] == ["3", "JOBS_JUPYTER_CPUS"]
    assert shown["idle_s"] == ["600", "default"]
    assert shown["retention.jobs.max_count"] == ["none", "default"]
    found = call("config", "--json").json
    assert found["running"] is False
    assert {"name": "cpus", "value": 3, "source": "JOBS_JUPYTER_CPUS"} in found["settings"]
    (home / "config.yaml").write_text("gpu: 1\n")
    wrong = call("config")
    assert (wrong.code, wrong.err.count("\n")) == (1, 1)
    assert "did you mean gpus?" in wrong.err
    assert [path.name for path in home.iterdir()] == ["config.yaml"], "no service was started"


def test_of_a_service_that_runs(service: Path, call: Call) -> None:
    service.mkdir(mode=0o700)
    config = service / "config.yaml"
    config.write_text("idle_s: soon\n")
    with pytest.raises(ServiceStartError) as refused:
        client_service.ensure()
    assert f"idle_s='soon' in {config} can't be used" in str(refused.value)
    assert str(refused.value).endswith("See: jupyter jobs config.")
    config.write_text("idle_s: 400\nhost: 127.0.0.1\ncpus: 3\ndefault_cpus: 2\nlog_max_bytes: 64Ki\n")
    first, second = submit("sleep 600"), submit("true")
    running(first)
    assert job.status(id=second).state == "STARTING", "each counts as two CPUs, of three"
    job.terminate(id=first)
    assert ended(second).state == "SUCCEEDED"
    written = run("yes | head -c 1000000; sleep 2; echo over").id
    (log,) = service.glob(f"jobs/{written}/runs/*/log")
    assert log.stat().st_blocks * 512 < 500_000 < log.stat().st_size
    assert "http://127.0.0.1:" in call("service", "status").out
    config.write_text("idle_s: 500\nhost: 127.0.0.1\ncpus: 3\ndefault_cpus: 2\nlog_max_bytes: 64Ki\n")
    done = call("config")
    assert values(done.out)["idle_s"] == ["400", str(config)]
    assert "Set since the service started: idle_s=500." in done.err
    assert call("config", "--json").json["running"] is True
