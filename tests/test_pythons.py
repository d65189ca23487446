"""Which Pythons CI finds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from scripts.pythons import main, named, there

HERE = "{}.{}".format(*sys.version_info)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_versions_that_the_project_names(tmp_path: Path) -> None:
    project = tmp_path / "pyproject.toml"
    names = ["3", "3.9", "3.100", "3.11", "3 :: Only"]
    shown = [f"Programming Language :: Python :: {name}" for name in [*names, "Implementation :: CPython"]]
    project.write_text(f"[project]\nclassifiers = {shown}")
    assert named(project) == ["3.9", "3.11", "3.100"]


def test_those_that_work(tmp_path: Path) -> None:
    """A shim that fails, one that is another version, and one of pyenv's that no shim leads to."""
    shims, pyenv = tmp_path / "shims", tmp_path / "pyenv"
    environment = {"PATH": str(shims), "PYENV_ROOT": str(pyenv)}
    versions = ["3.9", HERE, "3.98", "3.99"]
    assert there(versions, environment) == []
    program(shims / "python3.98", "exit 127")
    program(shims / "python3.99", f'exec {sys.executable} "$@"')
    assert there(versions, environment) == []
    program(pyenv / "versions" / f"{HERE}.2" / "bin" / f"python{HERE}", f'exec {sys.executable} "$@"')
    program(pyenv / "versions" / f"{HERE}.10" / "bin" / f"python{HERE}", "exit 1")
    assert there(versions, environment) == [(HERE, os.path.realpath(sys.executable))]


def test_what_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PATH", "PYENV_ROOT", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert main() == 1
    assert capsys.readouterr().err.startswith("error: none of Python 3.11, ")
    versions = named()
    for made, printed in ((1, [1]), (0, [0, 1]), (-1, [0, -1])):
        program(tmp_path / f"python{versions[made]}", f"echo {versions[made]} /a path/{made}")
        assert main() == 0
        lines = [f"{versions[each]} /a path/{each}" for each in printed]
        assert capsys.readouterr().out.splitlines() == lines
