"""Podman or Docker: which of them is here and answers, and how the two are told what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, Literal

from jobs_jupyter.models import settings
from jobs_jupyter.models.errors import JobsError, UnsupportedError
from jobs_jupyter.models.paths import StatePaths, default_home

ENGINES = ("podman", "docker")
INSTALL = "Install Podman (apt-get install podman, dnf install podman, brew install podman) or Docker"
ANSWERS_WITHIN_S = 20.0


@dataclass(frozen=True)
class Engine:
    """A container engine that works.

    `controls` are what of `cpu`, `cpuset` and `memory` it can hold a container to; `user` is who the
    service's user is within a container, as `uid:gid`.
    """

    program: str
    kind: Literal["podman", "docker"]
    version: str
    controls: frozenset[str]
    user: str

    def __str__(self) -> str:
        return f"{self.kind} {self.version}"

    def gpus(self, indices: str) -> list[str]:
        """Return the arguments that give a container these GPUs, such as `0,2`, and no others."""
        if self.kind == "docker":
            return ["--gpus", f'"device={indices}"']
        return [word for index in indices.split(",") for word in ("--device", f"nvidia.com/gpu={index}")]

    def qualified(self, image: str) -> str:
        """Return an image's name with its registry, which is Docker's own where it has none."""
        first, slash, _ = image.partition("/")
        if not slash:
            return f"docker.io/library/{image}"
        return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"


def find(wanted: str | None) -> Engine:
    """Return the engine to use.

    Args:
        wanted: its name or path; None: Podman where it works, else Docker.

    Raises:
        UnsupportedError: none works, and why.
    """
    names = (wanted,) if wanted else ENGINES
    problems = []
    for name in names:
        if program := shutil.which(name):
            found = _ask(program)
            if isinstance(found, Engine):
                return found
            problems.append(f"{program} does not work: {found}")
    if problems:
        raise UnsupportedError("; ".join(problems))
    if wanted:
        raise UnsupportedError(f"container_engine={wanted!r} is not a program here. {INSTALL}")
    raise UnsupportedError(f"neither Podman nor Docker is installed. {INSTALL}")


def _ask(program: str) -> Engine | str:
    """Return the engine, or why it does not work."""
    try:
        podman = _run(program, "--version").stdout.lower().startswith("podman")
        answer = _run(program, "info", "--format", "{{json .}}")
    except OSError as problem:
        return str(problem)
    except subprocess.TimeoutExpired:
        return f"it does not answer within {ANSWERS_WITHIN_S:g} s"
    told = _object(answer.stdout)
    known = _podman(program, told) if podman else _docker(program, told)
    return known or _last_line(answer.stderr) or f"its info says nothing (exit code {answer.returncode})"


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _podman(program: str, told: dict[str, Any]) -> Engine | None:
    if not (host := told.get("host")):
        return None
    version = told.get("version", {}).get("Version", "")
    # root in a container is the service's user: by name spaces, or because that is root
    return Engine(program, "podman", version, frozenset(host.get("cgroupControllers") or ()), "0:0")


def _docker(program: str, told: dict[str, Any]) -> Engine | None:
    if not (version := told.get("ServerVersion")):
        return None
    known = {"cpu": "CpuCfsQuota", "cpuset": "CPUSet", "memory": "MemoryLimit"}
    controls = frozenset(name for name, field in known.items() if told.get(field))
    rootless = any("rootless" in option for option in told.get("SecurityOptions") or ())
    user = "0:0" if rootless else f"{os.getuid()}:{os.getgid()}"
    return Engine(program, "docker", version, controls, user)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=ANSWERS_WITHIN_S, check=False
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def _told() -> dict[str, str]:
    """Return which engine a service of this state directory would use, or why it would use none."""
    try:
        set_to = settings.load(StatePaths(default_home()).config, os.environ, {}).settings.container_engine
        engine = find(set_to)
    except JobsError as problem:
        return {"problem": str(problem)}
    return {"engine": str(engine), "program": engine.program}


if __name__ == "__main__":  # for the command line, which does not import the service
    sys.stdout.write(json.dumps(_told()) + "\n")
