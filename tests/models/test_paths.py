"""The state directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter.models.paths import MAX_SOCKET_PATH, StatePaths, default_home


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


@pytest.mark.parametrize("runtime", ["/run/user/0", "/" + "x" * 120])
def test_a_long_home_has_its_socket_elsewhere(monkeypatch: pytest.MonkeyPatch, runtime: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    one, other = (StatePaths(Path("/" + "h" * 100 + end)).socket for end in "ab")
    assert one != other
    assert len(str(one)) <= MAX_SOCKET_PATH
    assert one.parent.name.startswith("jobs-jupyter-")
    assert StatePaths(Path("/" + "é" * 50)).socket.suffix == ".sock"


def test_default_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("JOBS_JUPYTER_HOME")
    assert default_home().name == "jobs_jupyter"
