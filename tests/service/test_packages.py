"""From a directory to a run's copy of it: through a spool, through frames, in packs and without."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_jupyter.models.errors import InvalidRequestError, PackageError
from jobs_jupyter.models.pack import ROW, SMALL, TAIL
from jobs_jupyter.models.package import Entry, Manifest
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.packaging.directory import Snapshot, snapshot
from jobs_jupyter.service.packages import FEW, PackageFiles
from tests.noise import noise

MANY = FEW * 2


@pytest.fixture
def store(tmp_path: Path) -> PackageFiles:
    """A store that has nothing yet."""
    (tmp_path / "state").mkdir()
    return PackageFiles(StatePaths(tmp_path / "state"))


def fill(root: Path, count: int, text: str = "") -> Path:
    root.mkdir(exist_ok=True)
    for number in range(count):
        (root / f"{number:04}").write_text(f"{text}{number}")
    return root


def hand_over(store: PackageFiles, taken: Snapshot) -> str:
    """Store a snapshot as a client of this machine does."""
    assert taken.spool is not None
    taken.spool.add_manifest(taken.manifest.content)
    manifest = store.take_package(taken.spool.name or "-", taken.digest)
    assert manifest == taken.manifest
    store.add_manifest(taken.manifest)
    return taken.digest


def send(store: PackageFiles, taken: Snapshot) -> str:
    """Store a snapshot as a client elsewhere does."""
    frames = (frame(digest, b"".join(taken.chunks(digest))) for digest in store.missing(taken.manifest))
    asyncio.run(store.add_blobs(in_pieces(b"".join(frames))))
    assert store.missing(taken.manifest) == []
    store.add_manifest(taken.manifest)
    return taken.digest


def frame(digest: str, content: bytes) -> bytes:
    return digest.encode() + len(content).to_bytes(8) + content


async def in_pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


def as_it_is(root: Path) -> dict[str, object]:
    """Path → what is there."""
    return dict(_looked_at(os.fsencode(root), b""))


def _looked_at(root: bytes, prefix: bytes) -> Iterator[tuple[str, object]]:
    for entry in os.scandir(os.path.join(root, prefix)):
        path = prefix + entry.name
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            yield os.fsdecode(path), os.readlink(entry.path)
        elif stat.S_ISDIR(mode):
            yield os.fsdecode(path), mode
            yield from _looked_at(root, path + b"/")
        else:
            yield os.fsdecode(path), (mode, Path(os.fsdecode(entry.path)).read_bytes())


@pytest.mark.parametrize("way", [hand_over, send])
@pytest.mark.parametrize("count", [1, MANY])
def test_the_copy_is_what_was_packaged(
    tmp_path: Path, store: PackageFiles, way: Callable[[PackageFiles, Snapshot], str], count: int
) -> None:
    root = fill(tmp_path / "work", count)
    (root / "empty").mkdir()
    (root / "nothing").touch()
    (root / "run").write_text("#!/bin/sh")
    (root / "run").chmod(0o755)
    (root / "large").write_bytes(noise(SMALL) * 3)
    (root / "link").symlink_to("empty/../run")
    digest = way(store, snapshot(root, home=store.paths.home))
    (tmp_path / "copy").mkdir()
    store.materialise(digest, tmp_path / "copy")
    assert as_it_is(tmp_path / "copy") == as_it_is(root)
    assert len(list(store.paths.packs.glob("*"))) == (count == MANY)
    assert not list(store.paths.spools.glob("*"))


NAME = st.one_of(
    st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & set(b"/\0")),
    st.sampled_from(
        (b"a", b"b c", b"x\xff", "ü".encode(), b"-n", b"n" * 255, b"new\nline", b".hidden", b"*")
    ),
).filter(lambda name: name not in (b".", b"..", b".gitignore", b"venv"))
TREE = st.recursive(
    st.one_of(
        st.tuples(st.sampled_from((0o600, 0o644, 0o755, 0o640)), st.binary(max_size=20)),
        st.sampled_from((b"a", b"./b c", b"nowhere")),
    ),
    lambda below: st.dictionaries(NAME, below, max_size=4),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


def grow(root: bytes, tree: dict[bytes, object]) -> None:
    for name, what in tree.items():
        place = os.path.join(root, name)
        if isinstance(what, dict):
            os.mkdir(place)
            grow(place, what)
        elif isinstance(what, bytes):
            os.symlink(what, place)
        else:
            assert isinstance(what, tuple)
            with open(place, "wb") as file:
                file.write(what[1])
            os.chmod(place, what[0])


@given(tree=TREE, way=st.sampled_from((hand_over, send)))
@settings(max_examples=150)
def test_any_directory_comes_back(
    tree: dict[bytes, object], way: Callable[[PackageFiles, Snapshot], str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, home, copy = Path(folder, "work"), Path(folder, "home"), Path(folder, "copy")
        for place in (root, home, copy):
            place.mkdir()
        grow(os.fsencode(root), tree)
        store = PackageFiles(StatePaths(home))
        taken = snapshot(root, ["!.venv", "!node_modules"], home=home)
        if taken.manifest.digests or way is send:
            way(store, taken)
        store.add_manifest(taken.manifest)
        store.materialise(taken.digest, copy)
        assert as_it_is(copy) == as_it_is(root)


def test_a_copy_can_be_written_to_and_nobody_else_sees_it(tmp_path: Path, store: PackageFiles) -> None:
    root = fill(tmp_path / "work", MANY)
    (root / "large").write_bytes(bytes(SMALL * 2))
    digest = hand_over(store, snapshot(root, home=store.paths.home))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        store.materialise(digest, tmp_path / name)
        for path in (tmp_path / name).iterdir():
            with path.open("r+b") as file:
                file.write(b"mine")
    (tmp_path / "three").mkdir()
    store.materialise(digest, tmp_path / "three")
    assert as_it_is(tmp_path / "three") == as_it_is(root)


@pytest.mark.parametrize("can", [True, False])
def test_large_contents_share_blocks_where_the_file_system_can(
    tmp_path: Path, store: PackageFiles, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    asked = []

    def clone(source: str, target: str) -> bool:
        asked.append(target)
        if can:
            shutil.copyfile(source, target)
        return can

    monkeypatch.setattr("jobs_jupyter.service.machine.clone", clone)
    root = fill(tmp_path / "work", 2)
    for number in range(2):
        (root / f"large{number}").write_bytes(bytes([number]) * SMALL * 2)
        (root / f"large{number}").chmod(0o755)
    store.materialise(hand_over(store, snapshot(root, home=store.paths.home)), tmp_path / "copy")
    assert as_it_is(tmp_path / "copy") == as_it_is(root)
    larges = [str(tmp_path / "copy" / f"large{number}") for number in range(2)]
    assert asked == (larges if can else larges[:1]), "one that fails is enough"


def test_hard_links_come_back_as_files_of_their_own(tmp_path: Path, store: PackageFiles) -> None:
    root = fill(tmp_path / "work", 1)
    os.link(root / "0000", root / "again")
    digest = hand_over(store, snapshot(root, home=store.paths.home))
    (tmp_path / "copy").mkdir()
    store.materialise(digest, tmp_path / "copy")
    assert [(tmp_path / "copy" / name).stat().st_nlink for name in ("0000", "again")] == [1, 1]


def test_what_is_stored_is_not_stored_again(tmp_path: Path, store: PackageFiles) -> None:
    root = fill(tmp_path / "work", MANY)
    hand_over(store, snapshot(root, home=store.paths.home))
    fill(root / "more", MANY, "more")
    hand_over(store, snapshot(root, home=store.paths.home))
    sizes = [path.stat().st_size for path in store.paths.packs.iterdir()]
    assert len(sizes) == 2
    (root / "more/new").write_text("new")
    hand_over(store, snapshot(root, home=store.paths.home))
    assert sorted(sizes) == sorted(path.stat().st_size for path in store.paths.packs.iterdir())
    assert len(list(store.paths.blobs.glob("*/*"))) == 1


@pytest.mark.parametrize("name", ["..", "../packs", "a/b", ".", ""])
def test_a_spool_is_within_the_state_directory(store: PackageFiles, name: str) -> None:
    with pytest.raises(InvalidRequestError, match="not the name of a spool"):
        store.take_package(name, "0" * 64)


def test_what_a_spool_should_not_hold_is_not_taken(tmp_path: Path, store: PackageFiles) -> None:
    spool = store.paths.spools / "one"
    spool.mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (spool / ("a" * 64)).symlink_to(tmp_path / "secret")
    (spool / "other").write_text("")
    secret = Manifest([])
    (tmp_path / "manifest").write_bytes(secret.content)
    (spool / "manifest").symlink_to(tmp_path / "manifest")
    assert store.take_package("one", secret.digest) is None
    assert store.take_package("two", secret.digest) is None
    assert not list(store.paths.blobs.glob("*/*"))
    assert (tmp_path / "secret").exists()
    assert not spool.exists()


@pytest.mark.parametrize("known", [False, True])
def test_what_is_added_is_handed_over_too(tmp_path: Path, store: PackageFiles, known: bool) -> None:
    root = fill(tmp_path / "work", 3) if known else None
    if root:
        hand_over(store, snapshot(root, home=store.paths.home))
    extra = {"cell.py": b"x", "large": noise(SMALL + 1)}
    digest = hand_over(store, snapshot(root, extra=extra, home=store.paths.home))
    store.materialise(digest, tmp_path / "copy")
    assert {name: (tmp_path / "copy" / name).read_bytes() for name in extra} == extra
    assert len(list((tmp_path / "copy").iterdir())) == (5 if known else 2)
    assert not list(store.paths.spools.iterdir())


def test_a_spool_is_for_the_package_that_it_names(tmp_path: Path, store: PackageFiles) -> None:
    for number, (named, cut) in enumerate((("0" * 64, 0), (None, 1), (None, 0))):
        taken = snapshot(fill(tmp_path / f"work{number}", 3, f"{number}"), home=store.paths.home)
        assert taken.spool is not None
        content = taken.manifest.content
        taken.spool.add_manifest(content[: len(content) - cut])
        found = store.take_package(taken.spool.name or "-", named or taken.digest)
        assert (found is not None) == (named is None and not cut)
        assert store.missing(taken.manifest) == [], "contents are taken in any case"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["../x", "d", 0o755, 0, "", ""]], "not a plain relative path"),
        ([["l", "l", 0o777, 0, "", "../x"]], "leads out of the package"),
        ([["x", "d", 0o4755, 0, "", ""]], "canonical form"),
        ([["b", "d", 0o755, 0, "", ""], ["a", "d", 0o755, 0, "", ""]], "canonical form"),
    ],
)
def test_a_manifest_that_is_handed_over_is_checked(store: PackageFiles, rows: list[Any], said: str) -> None:
    spool = store.paths.spools / "one"
    spool.mkdir(parents=True)
    content = json.dumps({"format": 1, "entries": rows}).encode()
    (spool / "manifest").write_bytes(content)
    with pytest.raises(PackageError, match=said):
        store.take_package("one", hashlib.sha256(content).hexdigest())
    assert not spool.exists()


def test_a_package_that_lacks_contents_is_not_taken(tmp_path: Path, store: PackageFiles) -> None:
    taken = snapshot(fill(tmp_path / "work", 3), home=store.paths.home)
    more = Manifest([*taken.manifest.entries, Entry("more", "f", 0o644, 1, "a" * 64)])
    assert taken.spool is not None
    taken.spool.add_manifest(more.content)
    assert store.take_package(taken.spool.name or "-", more.digest) is None
    assert store.missing(more) == ["a" * 64]


def test_an_upload_that_breaks_off_keeps_what_was_complete(tmp_path: Path, store: PackageFiles) -> None:
    taken = snapshot(fill(tmp_path / "work", MANY))
    digests = sorted(taken.manifest.digests)
    content = b"".join(frame(digest, b"".join(taken.chunks(digest))) for digest in digests)
    with pytest.raises(InvalidRequestError, match="ended in the middle"):
        asyncio.run(store.add_blobs(in_pieces(content[:-1])))
    assert store.missing(taken.manifest) == digests[-1:]


@pytest.mark.parametrize("size", [3, SMALL + 1])
def test_what_is_not_what_it_is_said_to_be_is_refused(store: PackageFiles, size: int) -> None:
    with pytest.raises(PackageError, match="send it again"):
        asyncio.run(store.add_blobs(in_pieces(frame("0" * 64, bytes(size)))))
    assert not store.packs.find({bytes(32)})
    assert not list(store.paths.blobs.glob("*/*"))


def test_a_pack_goes_with_its_contents(tmp_path: Path, store: PackageFiles) -> None:
    taken = snapshot(fill(tmp_path / "work", 100, "x" * 1000), home=store.paths.home)
    hand_over(store, taken)
    digests = sorted(taken.manifest.digests)
    (pack,) = store.paths.packs.iterdir()
    store.drop("0" * 64, digests[:40])
    assert list(store.paths.packs.iterdir()) == [pack]
    assert store.missing(taken.manifest) == digests[:40]
    store.drop("0" * 64, digests[40:80])
    (fresh,) = store.paths.packs.iterdir()
    assert fresh.stat().st_size < pack_size(20)
    assert store.missing(taken.manifest) == digests[:80]
    rows = store.packed(digests[80:])
    assert all(place.pack == fresh for place in rows.values())
    store.drop("0" * 64, digests[80:])
    assert not list(store.paths.packs.iterdir())


def pack_size(contents: int) -> int:
    """The most that so many contents of a good thousand bytes take."""
    return contents * 1100


def test_a_damaged_pack_has_nothing(tmp_path: Path, store: PackageFiles) -> None:
    taken = snapshot(fill(tmp_path / "work", MANY), home=store.paths.home)
    hand_over(store, taken)
    (pack,) = store.paths.packs.iterdir()
    os.truncate(pack, pack.stat().st_size - 1)
    assert store.missing(taken.manifest) == sorted(taken.manifest.digests)
    hand_over(store, snapshot(tmp_path / "work", home=store.paths.home))


def test_a_pack_with_a_damaged_list_has_nothing(tmp_path: Path, store: PackageFiles) -> None:
    taken = snapshot(fill(tmp_path / "work", MANY), home=store.paths.home)
    hand_over(store, taken)
    (pack,) = store.paths.packs.iterdir()
    with pack.open("r+b") as file:  # one content that would lie beyond the end
        file.seek(-TAIL.size - ROW.size + 32, os.SEEK_END)
        file.write(b"\x7f" * 8)
    assert store.missing(taken.manifest) == sorted(taken.manifest.digests)
    assert not store.packed(taken.manifest.digests)


def test_strays_are_what_nothing_needs(tmp_path: Path, store: PackageFiles) -> None:
    taken = snapshot(fill(tmp_path / "work", MANY), home=store.paths.home)
    hand_over(store, taken)
    left = snapshot(fill(tmp_path / "left", 1, "left"), home=store.paths.home)  # its client was killed
    digests = sorted(taken.manifest.digests)
    needed = set(digests[:-3])
    assert len(store.strays(needed, 3600)) == 0
    strays = store.strays(needed, -1)
    assert {digest.hex() for digest in strays.packed} == set(digests[-3:])
    assert left.spool is not None
    assert strays.paths == [left.spool.folder]
    store.clear(strays)
    assert store.missing(taken.manifest) == digests[-3:]
    assert len(store.strays(needed, -1)) == 0
