"""The state directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from jobs_jupyter.models.paths import MAX_SOCKET_PATH, StatePaths, default_home
from jobs_jupyter.models.state_directory import socket_for


def test_paths_are_those_of_the_design() -> None:
    paths = StatePaths(Path("/h"))
    run = paths.job("prodjob_a").run("jobrun_b")
    root = Path("/h/jobs/prodjob_a")
    assert paths.job("prodjob_a").environment == root / "environment.json"
    assert run.claim(2) == root / "runs/jobrun_b/claim-2"
    assert (run.exit.name, run.stop.name, run.log.name) == ("exit.json", "stop", "log")
    assert paths.blob("ab" + "0" * 62) == Path("/h/packages/blobs/ab/ab" + "0" * 62)
    assert paths.manifest("0" * 64).name == "0" * 64 + ".json"
    assert paths.socket == Path("/h/service.sock")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\n", "é"])
def test_an_id_cannot_be_a_way_out(name: str) -> None:
    with pytest.raises(ValueError, match="is not an id"):
        StatePaths(Path("/h")).job(name)
    with pytest.raises(ValueError, match="64 hex digits"):
        StatePaths(Path("/h")).blob(name)


@pytest.mark.parametrize("runtime", ["/nowhere", "/" + "x" * 120])
def test_a_long_home_has_its_socket_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, runtime: str
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setattr("tempfile.tempdir", None)
    made = []
    for name in ("h" * 100, "é" * 50):
        home = tmp_path / name
        home.mkdir()
        where = socket_for(StatePaths(home))
        made.append(where.parent)
        try:
            assert len(str(where)) <= MAX_SOCKET_PATH
            assert where.parent.stat().st_mode & 0o777 == 0o700
            assert socket_for(StatePaths(home)) == StatePaths(home).socket == where, "it is recorded"
            where.parent.rmdir()
            assert StatePaths(home).socket.is_relative_to(home), "a record of what is gone names nothing"
            made.append(socket_for(StatePaths(home)).parent)
            assert made[-1] != where.parent
        finally:
            for each in made:
                shutil.rmtree(each, ignore_errors=True)


def test_default_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("JOBS_JUPYTER_HOME")
    assert default_home().name == "jobs_jupyter"
