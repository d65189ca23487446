"""Which directories are packaged only where somebody names them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter.packaging.broad import why_broad

HOME = "your home directory"


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory with a notebook's directory in it."""
    place = tmp_path / "users" / "me"
    (place / "project").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(place))
    return place


@pytest.fixture
def second_place(user: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Another directory that the home is mounted at."""
    place = tmp_path / "second"
    place.mkdir()
    command = {"bind": ["mount", "--bind"], "fuse": ["bindfs"]}[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    if (done := subprocess.run([*command, user, place], capture_output=True, check=False)).returncode:
        pytest.skip(f"can't mount here: {done.stderr!r}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_the_home_by_any_of_its_names(user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "link"
    link.symlink_to(user)
    for named in (str(link), f"{user}/", f"{link}/", f"{user}/project/..", f"//{user}"):
        monkeypatch.setenv("HOME", named)
        assert why_broad(user) == HOME
        assert why_broad(link) == HOME
        assert why_broad(user / "project") is None


@pytest.mark.parametrize("second_place", ["bind", "fuse"], indirect=True)
def test_the_home_mounted_elsewhere(second_place: Path) -> None:
    assert why_broad(second_place) == HOME
    assert why_broad(second_place / "project") is None


def test_the_root_and_what_holds_a_home(user: Path, tmp_path: Path) -> None:
    assert why_broad(Path("/")) == "the root directory"
    assert why_broad(user.parent) == "a directory that holds your home directory"
    (tmp_path / "above").symlink_to(user.parent)
    assert why_broad(tmp_path / "above") == "a directory that holds your home directory"
    assert why_broad(user.parent.parent.parent / "elsewhere") is None


def test_what_holds_the_place_that_a_home_links_to(
    user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "me").symlink_to(user)
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "me"))
    for place in (user.parent, tmp_path / "home"):
        assert why_broad(place) == "a directory that holds your home directory"


@pytest.mark.parametrize("named", [None, "", "nowhere", "/nonexistent/me", "\udcff"])
def test_a_home_that_the_environment_lacks(
    named: str | None, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOME")
    if named is not None:
        monkeypatch.setenv("HOME", named)
    assert why_broad(Path(pwd.getpwuid(os.getuid()).pw_dir)) in (HOME, "the root directory")
    assert why_broad(user / "project") is None


def test_a_user_whom_the_system_does_not_know(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    assert why_broad(user) == HOME
    monkeypatch.delenv("HOME")
    assert why_broad(user) is None
