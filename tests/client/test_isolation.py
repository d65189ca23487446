"""What a notebook's environment does to Python is no matter of the service's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import cli
from tests.jobs import output, python

MODULES = (
    "sqlalchemy",
    "json",
    "queue",
    "uvicorn",
    "sitecustomize",
    "usercustomize",
    "encodings",
    "jobs_jupyter",
)


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    """A directory of modules that are named as what the service needs."""
    folder = tmp_path / "shadows"
    folder.mkdir()
    for name in MODULES:
        (folder / f"{name}.py").write_text("raise SystemExit('a module of the notebook')\n")
    (folder / "mine.py").write_text("NAME = 'of the notebook'\n")
    return folder


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PYTHONPATH", "{shadows}"),
        ("PYTHONHOME", "/nonexistent"),
        ("PYTHONSTARTUP", "{shadows}/queue.py"),
        ("PYTHONINSPECT", "1"),
        ("PYTHONWARNINGS", "error"),
        ("PYTHONUSERBASE", "{shadows}"),
        ("PYTHONIOENCODING", "no-such-encoding"),
        ("PYTHONDEVMODE", "1"),
        ("PYTHONSAFEPATH", "1"),
    ],
)
def test_the_service_starts(
    service: Path, shadows: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """It is set in a running process, as a cell does it; what it names would stop any Python."""
    monkeypatch.setenv(name, value.format(shadows=shadows))
    assert output(f"echo ${name}") == f"{os.environ[name]}\n"


def test_a_job_has_the_path(service: Path, shadows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MODULES:
        (shadows / f"{name}.py").unlink()
    monkeypatch.setenv("PYTHONPATH", str(shadows))
    assert output("python -c 'import mine; print(mine.NAME)'") == "of the notebook\n"


def test_what_only_the_path_has_is_found(service: Path, tmp_path: Path) -> None:
    """As where modules of an HPC site are on PYTHONPATH, ours among them."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(os.path.isabs, sys.path)])
    done = subprocess.run(
        [bare / "bin" / "python", "-c", "from tests.jobs import output; print(output('echo found'))"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "found\n\n", done.stderr


def test_the_commands_that_start_a_program(service: Path, shadows: Path) -> None:
    """The command line itself is the environment's; what it starts is not."""
    hide = "import os; os.environ['PYTHONPATH'] = {!r}; from jobs_jupyter.cli import main; "
    code = hide.format(str(shadows))
    assert python(f"{code}main(['submit', '--', 'true'])").returncode == 0
    done = python(f"{code}main(['doctor'])")
    assert "no container engine" in done.stdout or "podman" in done.stdout.lower()
    assert python(f"{code}main(['backup', '{service.parent}/b.tar.gz'])").returncode == 0
    cli("service", "stop")
    other = service.parent / "other"
    done = python(
        f"{code}raise SystemExit(main(['restore', '{service.parent}/b.tar.gz', '--home', '{other}']))"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 jobs are back" in done.stdout
