"""The rules of the git repository that a directory lies in, against git itself."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from jobs_jupyter.packaging import index
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from tests.packaging.test_ignore import PATTERNS, TREE, files_by_git
from tests.packaging.test_index import edit, kept, read

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is what the rules are compared with")


def git(place: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x", *words], cwd=place, check=True)


def plant(root: Path) -> None:
    """Make the files of the tree that the patterns are about."""
    for path in TREE:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")


def taken(root: Path, excludes: list[str] | None = None) -> set[str]:
    return {entry.path for entry in snapshot(root, excludes).manifest.entries if entry.kind == "f"}


def is_ignored(place: Path) -> bool:
    checked = ["git", "-c", "core.excludesFile=/dev/null", "check-ignore", "-q", str(place)]
    return subprocess.run(checked, cwd=place.parent, check=False).returncode == 0


@pytest.mark.parametrize("inside", ["d", "d/e", "e/d"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(top=PATTERNS, excluded=PATTERNS, between=PATTERNS, inner=PATTERNS)
def test_takes_what_git_takes(
    inside: str, top: list[str], excluded: list[str], between: list[str], inner: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        git(root, "init", "-q")
        plant(root)
        plant(root / inside)
        (root / ".gitignore").write_text("\n".join(top))
        (root / ".git/info/exclude").write_text("\n".join(excluded))
        (root / inside).parent.joinpath(".gitignore").write_text("\n".join([*top, *between]))
        (root / inside / "d" / ".gitignore").write_text("\n".join(inner))
        if not is_ignored(root / inside):
            assert taken(root / inside) == files_by_git(root / inside)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose rules stand at its root, with notebooks, data and a key below."""
    root = tmp_path / "repo"
    (root / "notebooks" / "data").mkdir(parents=True)
    git(root, "init", "-q")
    (root / ".gitignore").write_text("*.csv\n/notebooks/data/*.bin\nbuild/\n")
    (root / ".git/info/exclude").write_text("secrets.env\n")
    for name in ("a.py", "a.csv", "secrets.env", "data/a.csv", "data/a.bin", "a.bin"):
        (root / "notebooks" / name).write_text("x")
    return root


def test_what_left_it_out_is_named_from_where_one_is(repository: Path) -> None:
    found = snapshot(repository / "notebooks")
    assert found.left_out == {
        "a.csv": "*.csv (../.gitignore)",
        "data/a.csv": "*.csv (../.gitignore)",
        "data/a.bin": "/notebooks/data/*.bin (../.gitignore)",
        "secrets.env": "secrets.env (../.git/info/exclude)",
    }
    assert {"a.csv", "data/a.csv"} <= taken(repository / "notebooks", ["!*.csv"])


def test_a_directory_that_is_left_out_itself_is_taken_where_it_is_named(repository: Path) -> None:
    (repository / "build" / "lib" / "build").mkdir(parents=True)
    for name in ("lib/a.py", "lib/a.csv", "lib/build/deep.py", "b.py"):
        (repository / "build" / name).write_text("x")
    (repository / ".gitignore").write_text("*\n!*.py\nbuild/\n/build\n*.csv\n")
    assert taken(repository / "build") == {"lib/a.py", "lib/build/deep.py", "b.py"}
    assert taken(repository / "build" / "lib") == {"a.py", "build/deep.py"}


def test_a_worktree_and_a_submodule(repository: Path, tmp_path: Path) -> None:
    git(repository, "add", "-f", "notebooks/a.py", ".gitignore")
    git(repository, "commit", "-qm", "x")
    git(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    for name in ("b.csv", "secrets.env", "b.py"):
        (tmp_path / "tree" / "notebooks" / name).write_text("x")
    assert taken(tmp_path / "tree" / "notebooks") == {"a.py", "b.py"}

    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "-q")
    (outer / ".gitignore").write_text("a.py\n")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "sub")
    (outer / ".git/modules/sub/info/exclude").write_text("c.py\n")
    for name in ("b.csv", "c.py", "d.py"):
        (outer / "sub" / "notebooks" / name).write_text("x")
    assert taken(outer / "sub" / "notebooks") == files_by_git(outer / "sub" / "notebooks") | {"a.py"}
    assert taken(outer / "sub" / "notebooks") == {"a.py", "d.py"}


def test_a_repository_within(repository: Path) -> None:
    """Its own exclude file counts, and so do the rules on the way to it."""
    inner = repository / "notebooks" / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".git/info/exclude").write_text("private\n!a.csv\n")
    (inner / ".gitignore").write_text("own\n")
    for name in ("private", "own", "a.csv", "b.csv", "kept"):
        (inner / name).write_text("x")
    assert taken(repository / "notebooks") >= {"inner/kept", "inner/a.csv", "inner/.gitignore"}
    assert not taken(repository / "notebooks") & {"inner/private", "inner/own", "inner/b.csv"}
    assert taken(inner) == {"a.csv", "b.csv", "kept", ".gitignore"}  # the outer repository ends here


def test_what_is_no_repository(repository: Path, tmp_path: Path) -> None:
    for make in (
        lambda place: (place / ".git").mkdir(),
        lambda place: (place / ".git").write_text("gitdir: /nowhere"),
        lambda place: (place / ".git").write_bytes(b"\xff\x00"),
    ):
        place = repository / "notebooks"
        make(place)
        assert "a.csv" not in taken(place)
        (place / ".git").unlink() if (place / ".git").is_file() else (place / ".git").rmdir()
    alone = tmp_path / "alone" / "here"
    alone.mkdir(parents=True)
    (alone.parent / ".gitignore").write_text("*.csv\n")
    (alone / "a.csv").write_text("x")
    assert taken(alone) == {"a.csv"}


CHANGES: dict[str, Callable[[Path], object]] = {
    "a gitignore file above": lambda root: edit(root / ".gitignore", "*.py\n"),
    "one that was not there": lambda root: edit(root / "a" / ".gitignore", "*.py\n"),
    "one that goes": lambda root: (root / ".gitignore").unlink(),
    "the exclude file": lambda root: edit(root / ".git/info/exclude", "*.py\n"),
    "no repository any more": lambda root: (root / ".git/HEAD").unlink(),
    "a repository between": lambda root: git(root / "a", "init", "-q"),
    "the exclude file of one within": lambda root: edit(root / "a/b/inner/.git/info/exclude", "*.py\n"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_outside_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr(index, "SETTLED_NS", -(10**12))
    state, root = tmp_path / "state", tmp_path / "repo"
    state.mkdir()
    for name in ("a/b/one.csv", "a/b/two.py", "a/b/three.txt", "a/b/inner/x.py", "a/b/inner/x.csv"):
        edit(root / name, name)
    git(root, "init", "-q")
    git(root / "a/b/inner", "init", "-q")
    edit(root / ".gitignore", "*.csv\n")
    edit(root / ".git/info/exclude", "three.txt\n")

    def look() -> Snapshot:
        return kept(root / "a/b", home=state)

    first = look()
    again = look()
    assert not read(again)
    assert again.digest == first.digest
    git(root, "commit", "-q", "--allow-empty", "-m", "x")  # changes nothing that counts
    assert not read(look())
    CHANGES[change](root)
    changed = look()
    assert changed.digest == snapshot(root / "a/b").digest
    assert changed.digest != first.digest
