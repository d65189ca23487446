"""What is known of a directory: used where nothing changed, and never where something did."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging import index
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from jobs_jupyter.packaging.limits import Limits

NAMES = ("a", "b.csv", "d/a", "d/e/b.csv", "d/e/c", ".gitignore", "d/.gitignore")
TEXTS = ("", "b.csv\n", "d/\n", "!b.csv\ne/\n", "*\n")
TRUSTING = -(10**12)
_TICKS = count(10**9, 1000)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory."""
    home = tmp_path / "state"
    home.mkdir()
    return home


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust what was written just now; tests that use it give each edit a time of its own."""
    monkeypatch.setattr(index, "SETTLED_NS", TRUSTING)


def edit(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    at = next(_TICKS) * 1000
    os.utime(path, ns=(at, at))


def directory(tmp_path: Path) -> Path:
    root = tmp_path / "work"
    for number, name in enumerate(("a", "d/b", "d/c", "empty/x")):
        edit(root / name, f"{number}")
    (root / "empty/x").unlink()
    (root / "link").symlink_to("d/b")
    return root


def kept(root: Path, excludes: list[str] | None = None, *, home: Path) -> Snapshot:
    """Take a snapshot, and keep what was found, as sending it does."""
    taken = snapshot(root, excludes, home=home)
    taken.keep()
    return taken


def read(taken: Snapshot) -> bool:
    """Whether any content was read."""
    return taken.spool is not None and taken.spool.name is not None


@pytest.mark.usefixtures("at_once")
def test_an_unchanged_directory_is_not_read(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    first = kept(root, home=state)
    again = kept(root, home=state)
    assert read(first)
    assert not read(again)
    assert (again.digest, again.bytes) == (first.digest, first.bytes)
    assert again.manifest == first.manifest
    for digest in first.sources:
        assert b"".join(again.chunks(digest)) == b"".join(first.chunks(digest))


@pytest.mark.usefixtures("at_once")
def test_only_what_changed_is_read(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    kept(root, home=state)
    edit(root / "d/b", "9")
    taken = kept(root, home=state)
    assert taken.spool is not None
    taken.spool.close()
    assert taken.spool.folder is not None
    assert (taken.spool.folder / "pack").read_bytes().startswith(b"9")
    assert (taken.spool.folder / "pack").stat().st_size < 80, "one content and its row"
    assert taken.manifest == snapshot(root).manifest


@pytest.mark.usefixtures("at_once")
def test_what_is_left_out_may_change(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    edit(root / ".gitignore", "*.log\n")
    edit(root / "d/x.log", "1")
    first = kept(root, home=state)
    edit(root / "d/x.log", "22")
    again = kept(root, home=state)
    assert not read(again)
    assert again.left_out == first.left_out == {"d/x.log": "*.log (.gitignore)"}


def test_what_was_written_just_now_is_read_again(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    os.utime(root / "a", ns=(1, 1))  # says that it is old, but it was changed just now
    first = kept(root, home=state)
    again = kept(root, home=state)
    assert read(again)
    assert again.digest == first.digest


@pytest.mark.usefixtures("at_once")
def test_a_file_from_the_future_may_yet_be_written(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    os.utime(root / "a", ns=(2**62, 2**62))
    kept(root, home=state)
    assert read(kept(root, home=state))


@pytest.mark.usefixtures("at_once")
def test_a_limit_that_was_lowered_counts(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    kept(root, home=state)
    with pytest.raises(PackageError, match="a package may have 2"):
        snapshot(root, home=state, limits=Limits(files=2))


@pytest.mark.usefixtures("at_once")
def test_an_absolute_link_is_looked_at_each_time(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    beside = tmp_path / "beside"
    beside.symlink_to(root)
    (root / "absolute").symlink_to(beside / "a")
    kept(root, home=state)
    beside.unlink()
    beside.symlink_to(tmp_path)
    with pytest.raises(PackageError, match="'absolute' leads out"):
        kept(root, home=state)


@given(at=st.floats(0, 1), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=100)
def test_a_damaged_index_is_no_index(at: float, byte: int, cut: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(index, "SETTLED_NS", TRUSTING)
        root, home = directory(Path(folder)), Path(folder, "state")
        home.mkdir()
        right = kept(root, home=home)
        (file,) = (home / "index").iterdir()
        content = bytearray(file.read_bytes())
        place = int(at * (len(content) - 1))
        content[place] = byte
        file.write_bytes(content[:place] if cut else content)
        again = kept(root, home=home)
        assert again.digest == right.digest
        assert again.manifest == right.manifest


@pytest.mark.usefixtures("at_once")
def test_an_index_that_is_wrong_is_forgotten(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    first = kept(root, home=state)
    times = os.stat(root / "a")
    known = kept(root, home=state)
    (root / "a").write_text("x")  # the same size, and behind the index's back
    os.utime(root / "a", ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = next(entry.digest for entry in first.manifest.entries if entry.path == "a")
    with pytest.raises(PackageError, match="changed while it was being packaged"):
        list(known.chunks(changed))
    assert not list((state / "index").iterdir())
    assert kept(root, home=state).digest == snapshot(root).digest


@pytest.mark.usefixtures("at_once")
def test_what_was_found_to_be_wrong_is_not_kept(tmp_path: Path, state: Path) -> None:
    root = directory(tmp_path)
    taken = snapshot(root, home=state)
    changed = next(entry.digest for entry in taken.manifest.entries if entry.path == "a")
    (root / "a").write_text("x")
    with pytest.raises(PackageError, match="changed while it was being packaged"):
        list(taken.chunks(changed))
    taken.keep()
    assert not list(state.glob("index/*"))


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_looked_for_as_before(tmp_path: Path, state: Path, enabled: bool) -> None:
    was_enabled = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        snapshot(directory(tmp_path), home=state)
        assert gc.isenabled() == enabled
        with pytest.raises(PackageError):
            snapshot(tmp_path / "work", home=state, limits=Limits(files=1))
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


@pytest.mark.usefixtures("at_once")
def test_few_indexes_are_kept(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_FILES", 3)
    root = directory(tmp_path)
    for number in range(6):
        kept(root, [f"x{number}"], home=state)
    assert len(list((state / "index").iterdir())) == 3
    assert not read(kept(root, ["x5"], home=state))


EDITS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.sampled_from(TEXTS)),
    st.tuples(st.just("drop"), st.sampled_from(("a", "d", "d/e", ".gitignore", "d/a")), st.just("")),
    st.tuples(st.just("link"), st.sampled_from(("l", "d/l")), st.sampled_from(("a", "nowhere"))),
    st.tuples(st.just("mode"), st.sampled_from(("a", "d")), st.sampled_from(("700", "755"))),
)


def carry_out(root: Path, kind: str, name: str, text: str) -> None:
    path = root / name
    if kind == "write" and not path.is_dir():
        edit(path, text)
    elif kind == "mode" and path.exists():
        path.chmod(int(text, 8))
    elif kind == "link" and not os.path.lexists(path) and path.parent.is_dir():
        path.symlink_to(text)
    elif kind == "drop" and path.is_dir():
        shutil.rmtree(path)
    elif kind == "drop":
        path.unlink(missing_ok=True)


@given(
    steps=st.lists(st.lists(EDITS, max_size=3), max_size=6), excludes=st.sampled_from(([], ["!d/a"], ["e"]))
)
@settings(max_examples=100)
def test_with_an_index_as_without(steps: list[list[tuple[str, str, str]]], excludes: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(index, "SETTLED_NS", TRUSTING)
        root, home = Path(folder, "work"), Path(folder, "state")
        root.mkdir()
        home.mkdir()
        for edits in steps:
            for kind, name, text in edits:
                carry_out(root, kind, name, text)
            plain, known = snapshot(root, excludes), kept(root, excludes, home=home)
            assert known.digest == plain.digest
            assert known.left_out == plain.left_out
            assert known.manifest == plain.manifest
