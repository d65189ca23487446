"""What an engine's client is told."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service import containers
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.launch import Launch
from tests.service import shimmed

PODMAN = Engine("/bin/podman", "podman", "5", frozenset({"cpuset", "memory"}), "0:0")
DOCKER = Engine("/bin/docker", "docker", "28", frozenset({"cpu"}), "1000:1000")


def spec(engine: Engine, variables: dict[str, str | None] | None = None, **more: Any) -> dict[str, Any]:
    launch = Launch("job", "name", "run", 1, 1, "boot", JobConfig(entrypoint="true"), None, False, **more)
    made = containers.Container(engine, "image", "host")
    return containers.spec(made, launch, RunPaths(Path("/runs/run")), variables or {}, Path("/scratch"))


def words_after(argv: list[str], option: str) -> list[str]:
    return [value for name, value in pairwise(argv) if name == option]


def test_gpus_are_those_that_were_leased() -> None:
    assert words_after(spec(PODMAN, gpu_list="0,2")["argv"], "--device") == [
        "nvidia.com/gpu=0",
        "nvidia.com/gpu=2",
    ]
    assert words_after(spec(DOCKER, gpu_list="0,2")["argv"], "--gpus") == ['"device=0,2"']
    assert "--gpus" not in spec(DOCKER, gpu_list="")["argv"]


def test_what_an_engine_can_not_keep_the_shim_keeps() -> None:
    kept, watched = (spec(engine, memory=1 << 30, cpus=1, cpu_list="0") for engine in (PODMAN, DOCKER))
    assert words_after(kept["argv"], "--memory") == [str(1 << 30)]
    assert (kept["memory"], kept["container"]["memory"]) == (None, 1 << 30)
    assert "--memory" not in watched["argv"]
    assert (watched["memory"], watched["container"]["memory"]) == (1 << 30, None)
    assert words_after(watched["argv"], "--cpus") == ["1"]


def test_places_and_the_network() -> None:
    argv = spec(PODMAN)["argv"]
    assert words_after(argv, "--mount") == [
        "type=bind,source=/runs/run,target=/runs/run",
        "type=bind,source=/scratch,target=/scratch",
    ]
    assert words_after(argv, "--network") == ["host"]


def test_a_name_that_no_shell_can_set_goes_by_the_client() -> None:
    made = spec(PODMAN, {"a.b": "dotted", "UID": "7", "PLAIN": "plain", "GONE": None})
    assert words_after(made["argv"], "--env") == ["a.b", "UID"]
    assert (made["extra"]["a.b"], made["extra"]["UID"]) == ("dotted", "7")
    assert "PLAIN" not in made["extra"]
    assert "export PLAIN='plain'\nunset GONE\n" in made["stdin"]
    assert not {"dotted", "plain"} & set(made["argv"])


def test_the_script_says_how_the_command_ended(tmp_path: Path) -> None:
    variables = {"A": "it's \\ $HOME\n", "B": None}
    script = containers.script('printf %s "$A$B"; cat; exit 7', variables, str(tmp_path / "l'og"), "1:1")
    done = subprocess.run(
        ["sh"], input=script, text=True, env={"B": "b", "PATH": "/bin:/usr/bin"}, check=False
    )
    assert done.returncode == 7
    assert (tmp_path / "l'og").read_text() == "it's \\ $HOME\n"


def test_a_path_that_can_not_be_mounted() -> None:
    with pytest.raises(UnsupportedError, match="JOBS_JUPYTER_HOME"):
        containers.check_path(Path("/a,b"))
    containers.check_path(Path("/with space:and colon"))


def test_names_of_images() -> None:
    names = {"python:3.12": "docker.io/library/python:3.12", "team/tool": "docker.io/team/tool"}
    names |= {name: name for name in ("localhost/a:1", "ghcr.io/a/b", "localhost:5000/a")}
    assert {name: PODMAN.qualified(name) for name in names} == names


def test_a_container_that_ran_out_of_memory_had_no_more_than_its_limit(tmp_path: Path) -> None:
    """Samples count pages of files as well, which are not the container's."""
    state = '{"Status": "exited", "OOMKilled": true}'
    commands = {"stop": ["true"], "inspect": ["echo", state], "remove": ["true"], "memory": 64 << 20}
    hog = "import time; held = bytearray(b'x') * (100 << 20); time.sleep(0.6)"
    found = shimmed.run(tmp_path, f'{sys.executable} -c "{hog}"; exit 137', container=commands)
    assert (found["cause"], found["limit"], found["peak_memory"]) == ("memory", 64 << 20, 64 << 20)
