"""Directory → package, on real directories."""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from jobs_jupyter.packaging.limits import Limits
from jobs_jupyter.packaging.module import module
from jobs_jupyter.packaging.walk import Found, Walk


def write(root: Path, **files: str) -> None:
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def paths(taken: Snapshot) -> list[str]:
    return [entry.path for entry in taken.manifest.entries if entry.kind != "d"]


def test_contents_are_addressed_by_their_hash(tmp_path: Path) -> None:
    write(tmp_path, a="one", d__b="one", d__c="two")
    taken = snapshot(tmp_path)
    assert paths(taken) == ["a", "d/b", "d/c"]
    assert len(taken.sources) == 2
    assert taken.bytes == 9
    for digest in taken.sources:
        assert hashlib.sha256(b"".join(taken.chunks(digest))).hexdigest() == digest
    assert snapshot(tmp_path).manifest.uri == taken.manifest.uri


def test_modes_keep_what_matters(tmp_path: Path) -> None:
    write(tmp_path, run="#!/bin/sh")
    (tmp_path / "run").chmod(0o4555)
    (tmp_path / "empty").mkdir(0o555)
    modes = {entry.path: entry.mode for entry in snapshot(tmp_path).manifest.entries}
    assert modes == {"run": 0o755, "empty": 0o755}


def test_defaults_are_left_out_and_can_be_taken_in(tmp_path: Path) -> None:
    write(tmp_path, venv__x="", node_modules__z="", d__venv__x="", a="")
    assert paths(snapshot(tmp_path, ["!/venv"])) == ["a", "venv/x"]
    assert snapshot(tmp_path).left_out == {
        "d/venv": "venv (left out by default)",
        "node_modules": "node_modules (left out by default)",
        "venv": "venv (left out by default)",
    }


def test_only_excludes_take_in_a_default(tmp_path: Path) -> None:
    write(tmp_path, **{".gitignore": "!*", "venv__x": ""})
    assert paths(snapshot(tmp_path)) == [".gitignore"]


def test_excludes_beat_inner_beat_outer_gitignores(tmp_path: Path) -> None:
    write(tmp_path, **{".gitignore": "*.csv\n*.log\n", "d__.gitignore": "!keep.csv\n*.txt\n"})
    write(
        tmp_path, **{"a.csv": "", "d__keep.csv": "", "d__b.csv": "", "d__c.txt": "", "c.txt": "", "e.log": ""}
    )
    kept = paths(snapshot(tmp_path, ["!e.log", "/c.txt"]))
    assert kept == [".gitignore", "d/.gitignore", "d/keep.csv", "e.log"]
    assert snapshot(tmp_path).left_out["d/c.txt"] == "*.txt (d/.gitignore)"


def test_nothing_beneath_an_excluded_directory_comes_back(tmp_path: Path) -> None:
    write(tmp_path, **{".gitignore": "data/", "data__keep": "", "raw__a": "", "raw__keep": ""})
    assert paths(snapshot(tmp_path, ["!data/keep", "raw/*", "!raw/keep"])) == [".gitignore", "raw/keep"]


def test_links_inside_are_kept(tmp_path: Path) -> None:
    write(tmp_path, a="", d__b="")
    (tmp_path / "d/up").symlink_to("../a")
    (tmp_path / "d/absolute").symlink_to(tmp_path / "a")
    (tmp_path / "dangling").symlink_to("nowhere")
    targets = {entry.path: entry.target for entry in snapshot(tmp_path).manifest.entries if entry.kind == "l"}
    assert targets == {"d/up": "../a", "d/absolute": "../a", "dangling": "nowhere"}


@pytest.mark.parametrize("target", ["..", "/etc/passwd", "d/../../x"])
def test_a_link_that_leads_out_is_named(tmp_path: Path, target: str) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "bad").symlink_to(target)
    with pytest.raises(PackageError, match=r"'bad' leads out of .* -x 'bad'"):
        snapshot(tmp_path)
    assert paths(snapshot(tmp_path, ["bad"])) == []


def test_what_is_no_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("sock")
        taken = snapshot(tmp_path)
    assert paths(taken) == []
    assert set(taken.left_out) == {"pipe", "sock"}


def test_the_state_directory_is_never_packaged(tmp_path: Path) -> None:
    home = tmp_path / "state"
    write(tmp_path, state__jobs__j__runs__r__work__a="", b="")
    assert paths(snapshot(tmp_path, ["!state"], home=home)) == ["b"]
    assert paths(snapshot(home / "jobs/j/runs/r/work", home=home)) == ["a"]
    for inside in (home, home / "jobs"):
        with pytest.raises(PackageError, match="state directory"):
            snapshot(inside, home=home)


def test_no_directory(tmp_path: Path) -> None:
    write(tmp_path, train="")
    with pytest.raises(PackageError, match=r"did you mean .*train"):
        snapshot(tmp_path / "tran")
    with pytest.raises(PackageError, match="not a directory"):
        snapshot(tmp_path / "train")
    with pytest.raises(PackageError, match=r"no directory '~nobody-of-that-name/x'; check its spelling"):
        snapshot("~nobody-of-that-name/x")
    with pytest.raises(PackageError, match=r"'x{300}' can't be looked at: File name too long"):
        snapshot("x" * 300)


def test_extra_files_replace_what_is_there(tmp_path: Path) -> None:
    write(tmp_path, **{".jobs_jupyter__old": "", "a": ""})
    extra = {".jobs_jupyter/cell.py": b"1"}
    taken = snapshot(tmp_path, extra=extra)
    assert paths(taken) == [".jobs_jupyter/cell.py", "a"]
    assert b"1" in taken.sources.values()
    assert paths(snapshot(None, extra=extra)) == [".jobs_jupyter/cell.py"]


def test_too_many_bytes_names_the_biggest(tmp_path: Path) -> None:
    write(tmp_path, data__raw__big="x" * 900, data__small="x" * 50, model="x" * 500, a="x")
    with pytest.raises(PackageError) as caught:
        snapshot(tmp_path, limits=Limits(bytes=1000, files=10))
    message = str(caught.value)
    assert "data/raw/big (900 B), model (500 B), a (1 B)" in message
    assert "-x 'data/raw/big'" in message
    assert "JOBS_JUPYTER_MAX_PACKAGE_BYTES" in message


def test_the_five_biggest_are_named(tmp_path: Path) -> None:
    write(tmp_path, **{f"f{size}": "x" * size for size in range(100, 1000, 100)})
    with pytest.raises(PackageError, match=r"f900 \(900 B\), f800.*, f700.*, f600.*, f500 \(500 B\)\. Leave"):
        snapshot(tmp_path, limits=Limits(bytes=1000, files=10))


def test_a_module_has_no_excludes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, mine__data="x" * 100)
    monkeypatch.setenv("JOBS_JUPYTER_MAX_PACKAGE_BYTES", "10")
    with pytest.raises(PackageError, match=r"does not need, with a line 'data' in its \.gitignore, or raise"):
        module(tmp_path / "mine")
    (tmp_path / "mine" / "data").unlink()
    (tmp_path / "mine" / "out").symlink_to("/etc")
    with pytest.raises(PackageError, match=r"leave the link out with a line 'out' in its \.gitignore"):
        module(tmp_path / "mine")
    (tmp_path / "mine" / ".gitignore").write_text("out\n")
    assert paths(module(tmp_path / "mine")) == ["mine/.gitignore"]


def test_too_many_files_names_the_fullest(tmp_path: Path) -> None:
    write(tmp_path, **{f"d__{n}": "" for n in range(20)})
    with pytest.raises(PackageError, match=r"21 files; a package may have 5\. The biggest: d \(21\)"):
        snapshot(tmp_path, limits=Limits(files=5))


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_MAX_PACKAGE_BYTES", "5")
    monkeypatch.setenv("JOBS_JUPYTER_MAX_PACKAGE_FILES", "6")
    assert Limits() == Limits(bytes=5, files=6)
    monkeypatch.setenv("JOBS_JUPYTER_MAX_PACKAGE_FILES", "1G")
    with pytest.raises(PackageError, match="whole number"):
        Limits()


def test_a_file_that_grows_is_still_what_it_was(tmp_path: Path) -> None:
    write(tmp_path, log="one")
    taken = snapshot(tmp_path)
    (tmp_path / "log").write_text("one and more")
    assert b"".join(taken.chunks(next(iter(taken.sources)))) == b"one"


@pytest.mark.parametrize("after", ["two", "on", None])
def test_a_file_that_changes_is_named(tmp_path: Path, after: str | None) -> None:
    write(tmp_path, log="one")
    taken = snapshot(tmp_path)
    (tmp_path / "log").unlink()
    if after is not None:
        write(tmp_path, log=after)
    with pytest.raises(PackageError, match="log"):
        list(taken.chunks(next(iter(taken.sources))))


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Give up root's right to read everything, where the tests have it."""
    if is_root := os.geteuid() == 0:
        os.seteuid(65534)
    yield
    if is_root:
        os.seteuid(0)


def test_an_unreadable_file_is_named(ordinary_user: None) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        write(Path(name), secret="x")
        (Path(name) / "secret").chmod(0)
        with pytest.raises(PackageError, match=r"secret.*permission denied"):
            snapshot(name)
        (Path(name) / "secret").rename(Path(name) / "secret.py")
        with pytest.raises(PackageError, match=r"py_modules has '.*secret.py', which can't be read: Permiss"):
            module(Path(name) / "secret.py")


def test_a_directory_that_is_out_of_reach_is_named(ordinary_user: None) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        write(Path(name), above__work__a="x")
        (Path(name) / "above").chmod(0)
        with pytest.raises(PackageError, match=r"above/work' can't be looked at: Permission denied"):
            snapshot(Path(name) / "above/work")
        (Path(name) / "above").chmod(0o700)


def test_what_goes_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, a="x", b="x")
    walked = Walk.found

    def found(walk: Walk) -> Iterator[Found]:
        yield from walked(walk)
        (tmp_path / "b").unlink()

    monkeypatch.setattr(Walk, "found", found)
    with pytest.raises(PackageError, match=r"/b' went while .* packaged; run it again, or leave it out"):
        snapshot(tmp_path)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_text("x")
    assert paths(snapshot(tmp_path)) == ["\udcff"]
