"""What the doctor finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs_jupyter.cli import doctor
from jobs_jupyter.models import filesystem
from jobs_jupyter.models.paths import StatePaths
from tests.cli.conftest import Call
from tests.cli.program import PROGRAM, Terminal
from tests.engine import Engine
from tests.jobs import MORTAL, run

NAMES = ["Python", "state directory", "file system", "free space", "locks", "database", "settings", "service"]


def found(home: Path) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(StatePaths(home))}


def test_it_leaves_nothing_behind(home: Path, call: Call) -> None:
    done = call("doctor", "--json")
    assert (done.code, done.json["ok"]) == (0, True)
    findings = {finding["name"]: finding for finding in done.json["findings"]}
    assert list(findings)[: len(NAMES)] == NAMES
    assert {"memory limits", "CPUs", "memory", "GPUs", "containers", "uv"} < set(findings)
    assert all(findings[name]["state"] == "ok" for name in ("Python", "locks", "database", "CPUs"))
    assert all(finding["good_for"] for finding in findings.values() if finding["state"] == "missing")
    assert not home.exists()
    assert list(home.parent.iterdir()) == []
    lines = call("doctor").out.splitlines()
    assert [line.split()[0] for line in lines] == [finding["state"] for finding in findings.values()]


def test_the_service_that_runs(service: Path, call: Call) -> None:
    run("true")
    findings = found(service)
    assert "0 active jobs" in findings["service"].detail
    assert findings["state directory"].detail == f"{service}, mode 0700"
    with Terminal("doctor") as terminal:
        assert terminal.ends() == 0
        assert "\x1b[32mok" in terminal.raw
        assert "GOOD FOR" in terminal.text


def test_what_jobs_need_is_broken(home: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write_text("in the way")
    assert found(home)["state directory"].state == doctor.BROKEN
    done = call("doctor", "--json")
    assert (done.code, done.json["ok"]) == (1, False)
    home.unlink()
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", "http://127.0.0.1:9")
    assert "nothing answers" in found(home)["service"].detail
    monkeypatch.setattr(doctor, "TOO_LITTLE", 1 << 62)
    assert found(home)["free space"].state == doctor.BROKEN


def test_directories_that_refuse(home: Path) -> None:
    assert doctor._locks(Path("/proc")).state == doctor.BROKEN
    assert doctor._sqlite(Path("/proc")).state == doctor.BROKEN


def test_a_directory_that_can_not_be_entered(home: Path) -> None:
    home.mkdir()
    home.parent.chmod(0o000)
    try:
        done = subprocess.run([*MORTAL, PROGRAM, "doctor"], capture_output=True, text=True, check=False)
    finally:
        home.parent.chmod(0o700)
    assert (done.returncode, done.stderr) == (1, "")
    assert f"broken   state directory {home} can't be written" in done.stdout


def test_a_file_where_the_state_directory_would_be(home: Path) -> None:
    file = home.parent / "file"
    file.touch()
    for place in (file, file / "home"):
        said = found(place)["state directory"]
        assert (said.state, said.detail) == (doctor.BROKEN, f"{place} can't be written")


def test_a_network_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "kind", lambda _: "nfs4")
    assert doctor._filesystem(tmp_path).state == doctor.MISSING


def test_what_jobs_are_given_and_held_to() -> None:
    said = {
        "cpus": [0, 2], "cpus_there": 4, "memory": 1 << 30, "memory_there": 4 << 30, "gpus": [0, 1],
        "limits": {"version": 2, "place": "/fs/job"},
    }  # fmt: skip
    details = [finding.detail for finding in doctor._equipment(json.dumps(said))]
    assert details == [
        "kept by the kernel, cgroup v2 at /fs/job", "2 of 4", "1.0 GiB of 4.0 GiB (cgroup)", "2 (NVIDIA)"
    ]  # fmt: skip
    said |= {"gpus": [], "limits": {"version": 1, "place": None}}
    limits, *_, gpus = doctor._equipment(json.dumps(said))
    assert (limits.state, gpus.state) == (doctor.MISSING, doctor.MISSING)
    assert limits.detail == "kept by watching; cgroup v1 is not writable"
    assert doctor._limits(None, None).detail.endswith("no cgroup has the memory controller")
    assert doctor._equipment(None)[0].state == doctor.BROKEN


def test_programs_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "uv", None)  # as where it is not installed
    assert doctor._uv().detail == "not installed, and no pip either"
    (tmp_path / "python").write_text("#!/bin/sh\necho pip 24.0 from /somewhere\n")
    os.chmod(tmp_path / "python", 0o755)
    assert doctor._uv().detail == "not installed; pip 24.0 is used instead"
    (tmp_path / "uv").write_text("#!/bin/sh\necho uv 1.2.3\n")
    os.chmod(tmp_path / "uv", 0o755)
    assert doctor._uv().detail == "1.2.3"


def test_a_container_engine(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = found(home)["containers"]
    assert missing.state == doctor.MISSING
    assert missing.detail.startswith("neither Podman nor Docker is installed")
    (tmp_path / "docker").write_text("#!/bin/sh\necho Cannot connect >&2; exit 1\n")
    os.chmod(tmp_path / "docker", 0o755)
    assert found(home)["containers"].detail == f"{tmp_path}/docker does not work: Cannot connect"
    assert doctor._containers(None).state == doctor.MISSING


def test_a_container_engine_that_works(home: Path, podman: Engine) -> None:
    working = found(home)["containers"]
    assert working.state == doctor.OK
    assert working.detail.startswith("podman ")


def test_settings_that_can_not_be_used_are_broken(home: Path) -> None:
    home.mkdir()
    (home / "config.yaml").write_text("cpus: 6\n")
    assert found(home)["settings"].detail == "cpus=6"
    (home / "config.yaml").write_text("gpuss: 1\n")
    broken = found(home)["settings"]
    assert (broken.state, "did you mean gpus" in broken.detail) == (doctor.BROKEN, True)
