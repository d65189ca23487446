"""Prints the oldest and the newest Python of this machine, of those that pyproject.toml names, one a line.

A line is the version and the interpreter's path: `3.11 /usr/bin/python3.11`. Looked for on the PATH, by
name, and among pyenv's, also those that pyenv's settings hide.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
CLASSIFIER = re.compile(r"Programming Language :: Python :: (\d+\.\d+)")
ASK = """
import ensurepip, os, sqlite3, ssl, sys, venv
print("%d.%d" % sys.version_info[:2], os.path.realpath(sys.executable))
"""


def named(project: Path = PROJECT) -> list[str]:
    """Return the versions that the project names, the oldest first."""
    classifiers = tomllib.loads(project.read_text())["project"]["classifiers"]
    versions = [found[1] for each in classifiers if (found := CLASSIFIER.fullmatch(each))]
    return sorted(versions, key=_numbers)


def there(versions: list[str], environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return those of the versions that work here, with their interpreters' paths."""
    paths = {version: _path(version, environment) for version in versions}
    return [(version, path) for version, path in paths.items() if path]


def _path(version: str, environment: Mapping[str, str]) -> str | None:
    """Return the path of an interpreter that has all that a virtual environment and the product need."""
    for candidate in _candidates(version, environment):
        try:
            asked = subprocess.run([candidate, "-I", "-c", ASK], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue  # such as a shim of pyenv whose version is not chosen
        said, _, path = asked.stdout.strip().partition(" ")
        if said == version:
            return path
    return None


def _candidates(version: str, environment: Mapping[str, str]) -> Iterator[str]:
    if on_path := shutil.which(f"python{version}", path=environment.get("PATH")):
        yield on_path
    root = environment.get("PYENV_ROOT") or Path(environment.get("HOME", "/"), ".pyenv")
    of_pyenv = Path(root, "versions").glob(f"{version}.*/bin/python{version}")
    yield from (str(path) for path in sorted(of_pyenv, key=lambda path: _numbers(path.parents[1].name))[::-1])


def _numbers(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


def main() -> int:
    """Print them; returns the exit code: 1 where there is none."""
    versions = named()
    if not (found := there(versions, os.environ)):
        print(f"error: none of Python {', '.join(versions)} is on the PATH. Install one.", file=sys.stderr)
        return 1
    for version, path in dict.fromkeys([found[0], found[-1]]):
        print(version, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
