"""The setup log of a run: what preparing it printed lies beside its log."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.http import client
from jobs_jupyter.job.setup_log import get_setup_log
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.notebook.handle import Job
from jobs_jupyter.service import setup_log
from jobs_jupyter.service.preparation import Progress
from tests.cli.program import cli
from tests.jobs import ended, eventually, output, run, submit
from tests.service.test_crash import kill_service
from tests.wheels import wheel

NEEDS = {"requirements": ["one"]}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of wheels, where alone installers look."""
    wheel(tmp_path / "wheels", "one", "1.0")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return tmp_path / "wheels"


@pytest.fixture
def slow_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something whose build waits until the file is there that is returned, and fails then."""
    gate = tmp_path / "gate"
    source = tmp_path / "slow-1"
    source.mkdir()
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "slow"\nversion = "1"\n'
    )
    (source / "backend.py").write_text(
        "import os, time\n"
        "def build_wheel(place, *_):\n"
        f"    while not os.path.exists({str(gate)!r}): time.sleep(0.05)\n"
        "    raise SystemExit('the build has failed')\n"
    )
    with tarfile.open(tmp_path / "slow-1.tar.gz", "w:gz") as archive:
        archive.add(source, "slow-1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return gate


@pytest.mark.usefixtures("service", "wheels")
def test_a_warm_cache_changes_no_log() -> None:
    cold, warm = (run("echo it ran", **NEEDS) for _ in range(2))
    assert {job.get_logs(id=status.id) for status in (cold, warm)} == {"it ran\n"}
    assert Job(cold.id, cold.name).logs(setup=True).startswith("Making an environment with one\n")
    assert Job(cold.id, cold.name).logs(1, setup=True, mode="HEAD") == "Making an environment with one\n"
    assert get_setup_log(warm.id) == ""
    shown = cli("logs", "--setup", cold.id)
    assert shown.stdout == get_setup_log(cold.id)
    assert cli("logs", "--setup", "--follow", "--lines", "1", cold.id).stdout == get_setup_log(
        cold.id, max_lines=1
    )
    assert json.loads(cli("logs", "--setup", "--json", cold.id).stdout)["log"] == get_setup_log(cold.id)
    nothing = cli("logs", "--setup", warm.id)
    assert (nothing.stdout, nothing.returncode) == ("", 0)
    assert "Nothing had to be prepared" in nothing.stderr
    assert cli("logs", "--setup", "--run", "7", cold.id).returncode == 1


@pytest.mark.usefixtures("wheels")
def test_what_failed_is_also_the_log(service: Path) -> None:
    status = run("true", requirements=["nosuch"], max_retries=2)
    assert [run.state for run in status.runs] == ["FAILED"]
    log = job.get_logs(id=status.id)
    assert log.startswith("Making an environment with nosuch\n")
    assert log == get_setup_log(status.id)
    job.delete(id=status.id)
    assert not StatePaths(service).job(status.id).root.exists()


def test_it_is_followed_while_it_goes_on(service: Path, slow_uv: Path, tmp_path: Path) -> None:
    job_id = submit("true", requirements=[f"slow @ {(tmp_path / 'slow-1.tar.gz').as_uri()}"])
    run_name = eventually(lambda: job.status(id=job_id).runs)[-1].name
    path = f"/v1/jobs/{job_id}/runs/{run_name}/setup"
    seen = b""
    with client.stream(path, query={"offset": 0, "follow": 1}, timeout=60) as answer:
        for chunk in answer.iter_raw():
            seen += chunk
            if b"Making an environment with " in seen and not slow_uv.exists():
                assert job.status(id=job_id).state == "STARTING"
                slow_uv.touch()
    assert ended(job_id).state == "FAILED"
    assert seen.decode() == get_setup_log(job_id) == job.get_logs(id=job_id)


def test_the_service_is_killed_while_it_prepares(service: Path, slow_uv: Path, tmp_path: Path) -> None:
    job_id = submit("true", requirements=[f"slow @ {(tmp_path / 'slow-1.tar.gz').as_uri()}"])
    eventually(lambda: job.status(id=job_id).runs and "Making an environment" in get_setup_log(job_id))
    kill_service(service)
    client_service.ensure()
    eventually(lambda: get_setup_log(job_id).count("Making an environment") == 2)
    assert get_setup_log(job_id).splitlines()[1:].count(setup_log.AGAIN.decode().strip()) == 1
    assert job.get_logs(id=job_id) == ""
    slow_uv.touch()
    assert ended(job_id).state == "FAILED"
    assert job.get_logs(id=job_id) == get_setup_log(job_id)


def test_a_stop_is_no_failure(service: Path, slow_uv: Path, tmp_path: Path) -> None:
    job_id = submit("true", requirements=[f"slow @ {(tmp_path / 'slow-1.tar.gz').as_uri()}"])
    eventually(lambda: job.status(id=job_id).runs and "Making an environment" in get_setup_log(job_id))
    job.terminate(id=job_id)
    assert ended(job_id).state == "TERMINATED"
    assert job.get_logs(id=job_id) == ""
    assert "Making an environment" in get_setup_log(job_id)


@pytest.mark.usefixtures("wheels")
def test_it_is_in_a_backup(service: Path, tmp_path: Path) -> None:
    output("true", **NEEDS)
    (job_id,) = (status.id for status in job.list())
    before = get_setup_log(job_id)
    assert cli("backup", str(tmp_path / "b.tar.gz")).returncode == 0
    client.json("POST", "/v1/service/stop")
    restored = tmp_path / "restored"
    done = cli("restore", str(tmp_path / "b.tar.gz"), JOBS_JUPYTER_HOME=str(restored))
    assert done.returncode == 0, done.stderr
    assert paths_in(restored, job_id).setup.read_text() == before


def paths_in(home: Path, job_id: str) -> RunPaths:
    (root,) = StatePaths(home).job(job_id).runs.iterdir()
    return RunPaths(root)


async def _said(_: str) -> None:
    pass


def test_its_size_is_bounded(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "setup", _said, most=1 << 20)
    for number in range(400):
        progress.write(b"%09d\n" % number * 1000)
    size = os.stat(tmp_path / "setup").st_blocks * 512
    assert size <= 1.2 * (1 << 20)
    start, end = json.loads((tmp_path / "setup.gap").read_text())
    content = (tmp_path / "setup").read_bytes()
    assert content.startswith(b"000000000\n")
    assert content.endswith(b"000000399\n")
    assert content[start:end] == bytes(end - start)


def test_a_try_that_failed_leaves_no_log_to_the_next(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path / "run")
    setup_log.begin(paths)
    Progress(paths.setup, _said).write(b"first\n")
    setup_log.show_as_log(paths)
    setup_log.show_as_log(paths)
    assert paths.log.read_bytes() == b"first\n"
    setup_log.begin(paths)
    Progress(paths.setup, _said).write(b"second\n")
    assert not paths.log.exists()
    assert paths.setup.read_bytes() == b"first\n" + setup_log.AGAIN + b"second\n"
