"""How an entrypoint is executed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs_jupyter.service import entrypoint

ODD = {"a.b": "x", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a program, a script that says what runs it, and one that does not."""
    for name, text in {"said": "#!/bin/sh\necho said\n", "unsaid": "echo unsaid\n", "plain": "x"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o644 if name == "plain" else 0o755)
    shutil.copy(sys.executable, tmp_path / "program")
    return tmp_path


def test_a_shell_where_it_hands_on_all(place: Path) -> None:
    for line in ("env", "echo a | cat", "./said"):
        assert entrypoint.command(line, {"PATH": "/bin"}, place) == ("/bin/sh", ["sh", "-c", line])


@pytest.mark.parametrize("line", ["env", " env ", "env  -u X", "./said --lr=0.1 a:b", "./program -c 1"])
def test_a_simple_command_without_a_shell(place: Path, line: str) -> None:
    program, words = entrypoint.command(line, ODD, place)
    assert words == line.split()
    assert program == {"env": shutil.which("env", path="/usr/bin:/bin")}.get(words[0], str(place / words[0]))


@pytest.mark.parametrize(
    "line",
    ["echo a", "A=1 env", "env | cat", "env > x", "env $HOME", "env '*'", "env *", "~/x", "env;env", "cd x",
     "nowhere",      "./plain", "./unsaid", "./nowhere", "env\nenv", "env #x", "", "env {a,b}", "env !",
     "exec env", "env \\a"],
)  # fmt: skip
def test_all_else_by_bash(place: Path, line: str) -> None:
    found = entrypoint.bash()
    assert found
    assert entrypoint.command(line, ODD, place) == (found, ["sh", "-c", line])


def test_a_path_that_counts_from_the_directory_is_left_to_the_shell(place: Path) -> None:
    for path in (".:/usr/bin", "", ":/usr/bin"):
        assert entrypoint.command("env", {**ODD, "PATH": path}, place)[1] == ["sh", "-c", "env"]


@pytest.mark.parametrize("line", ["./said", "./program --version", "env A=1 ./said"])
def test_it_does_as_the_shell_does(place: Path, line: str) -> None:
    by_shell = subprocess.run(["sh", "-c", line], cwd=place, capture_output=True, env=ODD, check=True)
    program, words = entrypoint.command(line, ODD, place)
    alone = subprocess.run(words, executable=program, cwd=place, capture_output=True, env=ODD, check=True)
    assert alone.stdout == by_shell.stdout


def test_without_bash(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrypoint, "bash", lambda _=None: None)
    assert entrypoint.command("echo a", ODD, place) == ("/bin/sh", ["sh", "-c", "echo a"])
    assert entrypoint.lost(["a.b", "A", "größe", "1"]) == ["a.b", "größe", "1"]
