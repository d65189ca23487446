"""`jupyter jobs doctor`: what works on this machine, what is missing, and what that would be good for."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli.output import document, printable, table
from jobs_jupyter.cli.parser import ANY, shared
from jobs_jupyter.client import isolation
from jobs_jupyter.models import filesystem
from jobs_jupyter.models.errors import JobsError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.programs import find_uv
from jobs_jupyter.models.sizes import human

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

OK, MISSING, BROKEN = "ok", "missing", "broken"
PYTHON = (3, 11)
SQLITE = (3, 35)  # RETURNING
LITTLE = 1 << 30  # bytes
TOO_LITTLE = 16 << 20
PROGRAM_S = 5.0
ENGINES_S = 90.0
ENGINES = "jobs_jupyter.service.engines"  # the same, of container engines
EQUIPMENT = "jobs_jupyter.service.equipment"  # a program of the service's, which says what it finds


@dataclass(frozen=True)
class Finding:
    """What was found of one thing."""

    name: str
    state: str  # OK, MISSING or, of what jobs need, BROKEN
    detail: str
    good_for: str = ""  # what it would be good for, where it is missing


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "doctor",
        parents=shared(home=ANY),
        help="say what works on this machine and what is missing",
        description="Say what works on this machine and what is missing. Exit code 1: jobs can't run.",
    )
    parser.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import service

    findings = examine(service.state_paths())
    broken = any(finding.state == BROKEN for finding in findings)
    if options.json:
        document({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    elif sys.stdout.isatty():
        table(("STATE", "WHAT", "FOUND", "GOOD FOR"), [_row(finding) for finding in findings])
    else:
        for finding in findings:
            good_for = f" (good for: {finding.good_for})" if finding.good_for else ""
            print(printable(f"{finding.state:<9}{finding.name:<16}{finding.detail}{good_for}"))
    return int(broken)


def _row(finding: Finding) -> tuple[str, ...]:
    return finding.state, finding.name, finding.detail, finding.good_for


def examine(paths: StatePaths) -> list[Finding]:
    """Look at everything; nothing is left behind, and no service is started."""
    near = nearest_directory(paths.home)
    return [
        _python(),
        _state_directory(paths.home, near),
        _filesystem(near),
        _space(near),
        _locks(near),
        _sqlite(near),
        _settings(paths),
        _service(),
        *_equipment(_output(*isolation.command(EQUIPMENT))),
        _containers(_output(*isolation.command(ENGINES), within_s=ENGINES_S)),
        _uv(),
    ]


def nearest_directory(home: Path) -> Path:
    """Return the state directory, or where there is none yet, the directory it will be made in."""
    return next((folder for folder in (home, *home.parents) if os.path.isdir(folder)), Path("/"))


def _python() -> Finding:
    version = f"{platform.python_version()} ({sys.executable})"
    return Finding("Python", OK if sys.version_info >= PYTHON else BROKEN, version)


def _state_directory(home: Path, near: Path) -> Finding:
    there = next((place for place in (home, *home.parents) if os.path.lexists(place)), near)
    if not os.access(near, os.W_OK | os.X_OK) or there != near:  # a file is in the way
        return Finding("state directory", BROKEN, f"{home} can't be written", "JOBS_JUPYTER_HOME moves it")
    if near != home:
        return Finding("state directory", OK, f"{home}, made by the first job")
    mode = home.stat().st_mode & 0o777
    return Finding("state directory", OK, f"{home}, mode {mode:04o}")


def _filesystem(near: Path) -> Finding:
    kind = filesystem.kind(near)
    if kind in filesystem.SHARED:
        return Finding(
            "file system", MISSING, f"{kind}, a network's", "a local one is faster, its locks surer"
        )
    return Finding("file system", OK, kind)


def _space(near: Path) -> Finding:
    free = shutil.disk_usage(near).free
    state = BROKEN if free < TOO_LITTLE else MISSING if free < LITTLE else OK
    return Finding("free space", state, human(free), "" if state == OK else "packages, logs and results")


def _locks(near: Path) -> Finding:
    """Take a lock twice: the second time has to fail."""
    import fcntl

    try:
        with tempfile.NamedTemporaryFile(dir=near, prefix=".doctor-") as file, open(file.name, "rb") as again:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return Finding("locks", OK, "flock")
        return Finding("locks", BROKEN, "flock does not exclude a second holder", "one service at a time")
    except OSError as problem:
        return Finding("locks", BROKEN, str(problem), "one service at a time")


def _sqlite(near: Path) -> Finding:
    import sqlite3

    name = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < SQLITE:
        return Finding("database", BROKEN, f"{name}; 3.35 is needed")
    try:
        with (
            tempfile.TemporaryDirectory(dir=near, prefix=".doctor-") as folder,
            contextlib.closing(sqlite3.connect(Path(folder, "db"))) as database,
        ):
            mode = database.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            database.execute("CREATE TABLE t (x)")
    except (OSError, sqlite3.Error) as problem:
        return Finding("database", BROKEN, f"{name}: {problem}")
    if mode != "wal":
        return Finding("database", MISSING, f"{name}, journal {mode}", "WAL: reads beside a write")
    return Finding("database", OK, f"{name}, WAL")


def _settings(paths: StatePaths) -> Finding:
    from jobs_jupyter.models import settings

    try:
        entries = settings.load(paths.config, os.environ, {}).entries()
    except (JobsError, OSError) as problem:
        return Finding("settings", BROKEN, str(problem))
    changed = [
        f"{entry['name']}={entry['value']}" for entry in entries if entry["source"] != settings.DEFAULT
    ]
    return Finding("settings", OK, ", ".join(changed) or "the defaults")


def _service() -> Finding:
    from jobs_jupyter.client import service

    try:
        endpoint = service.locate()
        known = service.ask(endpoint) if endpoint else None
    except JobsError as problem:
        return Finding("service", BROKEN, str(problem))
    if known:
        return Finding(
            "service", OK, f"{known['version']}, process {known['pid']}, {known['active_jobs']} active jobs"
        )
    if (target := os.environ.get(service.TARGET_VARIABLE, "")) not in ("", "local"):
        return Finding("service", BROKEN, f"nothing answers at {target}")
    return Finding("service", OK, "not running; the first job starts it")


def _equipment(said: str | None) -> list[Finding]:
    """Say what jobs can be given, and how they are held to it."""
    if said is None:
        return [Finding("equipment", BROKEN, f"python -m {EQUIPMENT} fails; install jobs-jupyter again")]
    there: dict[str, Any] = json.loads(said)
    cpus, memory = len(there["cpus"]), there["memory"]
    part = f" of {there['cpus_there']}" if cpus < there["cpus_there"] else ""
    less = f" of {human(there['memory_there'])} (cgroup)" if memory < there["memory_there"] else ""
    return [
        _limits(**there["limits"]),
        Finding("CPUs", OK, f"{cpus}{part}"),
        Finding("memory", OK, f"{human(memory)}{less}"),
        Finding("GPUs", OK, f"{len(there['gpus'])} (NVIDIA)")
        if there["gpus"]
        else Finding("GPUs", MISSING, "none found", "jobs that ask for GPUs"),
    ]


def _limits(version: int | None, place: str | None) -> Finding:
    if place:
        return Finding("memory limits", OK, f"kept by the kernel, cgroup v{version} at {place}")
    why = f"cgroup v{version} is not writable" if version else "no cgroup has the memory controller"
    found = f"kept by watching; {why}"
    return Finding("memory limits", MISSING, found, "limits that a run can't exceed for a moment either")


def _containers(said: str | None) -> Finding:
    """Say which container engine works, or why none does."""
    told: dict[str, str] = json.loads(said) if said else {"problem": "the engine does not answer"}
    if "engine" in told:
        return Finding("containers", OK, f"{told['engine']} ({told['program']})")
    return Finding("containers", MISSING, told["problem"], "jobs that run in an image")


def _uv() -> Finding:
    program = find_uv()
    if program and (version := _output(program, "--version")):
        return Finding("uv", OK, version.removeprefix("uv "))
    good_for = "environments from requirements, in seconds"
    if pip := _output(sys.executable, "-m", "pip", "--version"):
        return Finding("uv", MISSING, f"not installed; pip {pip.split()[1]} is used instead", good_for)
    return Finding("uv", MISSING, "not installed, and no pip either", "jobs with requirements")


def _output(*command: str, within_s: float = PROGRAM_S) -> str | None:
    """Return what a program prints; None where there is none, or it fails or hangs."""
    try:
        done = subprocess.run(
            command,
            env=isolation.variables(),
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
