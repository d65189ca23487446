"""What is read out of archives that anybody may have made."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import Entry, Manifest
from jobs_jupyter.service.archives import Limits, members
from jobs_jupyter.service.remote.parcel import FRAMES, MANIFEST, Parcel

REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
TYPES = [REG, DIR, SYM, LNK, tarfile.CHRTYPE, tarfile.FIFOTYPE]
MOST_BYTES, MOST_FILES = 1 << 16, 20


def tar_of(rows: list[tuple[str, bytes, bytes, str]]) -> bytes:
    """Return a .tar.gz of members by name, type, content and what they link to."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, kind, content, link in rows:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, link, 0o640
            member.size = len(content) if kind == REG else 0
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def zip_of(rows: list[tuple[str, int, bytes]]) -> bytes:
    """Return a .zip of members by name, mode and content."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, content in rows:
            info = zipfile.ZipInfo(name or "x")
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return made.getvalue()


def taken(content: bytes, name: str, limits: Limits | None = None) -> dict[str, Entry]:
    """Read an archive as a fetch does, and return its entries by their paths.

    Raises PackageError, and nothing else; writes nowhere else, and no more than the limits allow.
    """
    limits = limits or Limits(MOST_BYTES, MOST_FILES)
    most = limits.bytes + limits.files * 72
    with tempfile.TemporaryDirectory() as above:
        place = Path(above, "place")
        place.mkdir()
        archive = Path(above, name)
        archive.write_bytes(content)
        parcel = Parcel(place, limits)
        try:
            for entry, pieces in members(archive, name, limits):
                parcel.add(entry, pieces)
            parcel.close("", "")
            manifest = Manifest.from_json((place / MANIFEST).read_bytes())
            frames = (place / FRAMES).read_bytes()
        finally:
            parcel._file.close()
            assert sorted(os.listdir(above)) == sorted(["place", name])
            assert set(os.listdir(place)) <= {FRAMES, MANIFEST}
            assert (place / FRAMES).stat().st_size <= most
        assert all(digest.encode() in frames for digest in manifest.digests)
        return {entry.path: entry for entry in manifest.entries}


def test_files_directories_links_and_modes() -> None:
    found = taken(
        tar_of(
            [
                ("./", DIR, b"", ""),
                ("./d/e", DIR, b"", ""),
                ("./d/f", REG, b"content", ""),
                ("d/hard", LNK, b"", "d/f"),
                ("soft", SYM, b"", "d/f"),
                ("again", REG, b"content", ""),
                ("d/f", REG, b"newer", ""),
            ]
        ),
        "a.tar.gz",
    )
    assert [(path, entry.kind, entry.size) for path, entry in found.items()] == [
        ("again", "f", 7), ("d/e", "d", 0), ("d/f", "f", 5), ("d/hard", "f", 7), ("soft", "l", 0),
    ]  # fmt: skip
    assert found["d/hard"].digest == found["again"].digest
    assert found["again"].mode == 0o640
    rows = [("d/", 0o40750, b""), ("d/f", 0o100755, b"1"), ("plain", 0o600, b"2"), ("soft", 0o120777, b"d/f")]
    found = taken(zip_of(rows), "a.zip")
    assert [(path, entry.kind, oct(entry.mode)) for path, entry in found.items() if path != "soft"] == [
        ("d", "d", "0o750"), ("d/f", "f", "0o755"), ("plain", "f", "0o600"),
    ]  # fmt: skip
    assert found["soft"].target == "d/f"


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([("../x", REG, b"", "")], "leads out"),
        ([("/etc/x", REG, b"", "")], "leads out"),
        ([("a/../../x", REG, b"", "")], "leads out"),
        ([("link", SYM, b"", "/etc"), ("link/x", REG, b"", "")], "not a directory"),
        ([("link", SYM, b"", "../x")], "leads out"),
        ([("a", SYM, b"", "b/.."), ("b", SYM, b"", "c/../.."), ("c", DIR, b"", "")], "leads out"),
        ([("hard", LNK, b"", "../../etc/passwd")], "leads out"),
        ([("hard", LNK, b"", "none")], "no file"),
        ([("x", REG, b"", ""), ("x", SYM, b"", "y")], "twice"),
        ([("dev", tarfile.CHRTYPE, b"", "")], "neither file"),
        ([("pipe", tarfile.FIFOTYPE, b"", "")], "neither file"),
        ([("n" * 5000, REG, b"", "")], "path|name"),
        ([("zeros", REG, bytes(MOST_BYTES + 1), "")], "JOBS_JUPYTER_MAX_PACKAGE_BYTES"),
        ([(str(n), REG, b"", "") for n in range(MOST_FILES + 1)], "JOBS_JUPYTER_MAX_PACKAGE_FILES"),
    ],
)  # fmt: skip
def test_what_is_refused(rows: list[tuple[str, bytes, bytes, str]], why: str) -> None:
    with pytest.raises(PackageError, match=why):
        taken(tar_of(rows), "a.tar.gz")


def test_bombs_stop_at_the_limit() -> None:
    headers = tar_of([("x", REG, b"", "")])
    zeros = io.BytesIO()
    with tarfile.open(fileobj=zeros, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(10):
            member = tarfile.TarInfo(f"{number}")
            member.pax_headers = {"comment": "0" * 30_000}
            archive.addfile(member)
    for content, name in ((zeros.getvalue(), "a.tar.gz"), (zip_of([("z", 0, bytes(1 << 20))]), "a.zip")):
        with pytest.raises(PackageError, match="MAX_PACKAGE_BYTES"):
            taken(content, name)
    assert list(taken(headers, "a.tar.gz")) == ["x"]


def test_hard_links_count_as_the_files_that_they_become() -> None:
    rows = [("zeros", REG, bytes(MOST_BYTES // 4), ""), *((f"{n}", LNK, b"", "zeros") for n in range(4))]
    assert len(taken(tar_of(rows[:-1]), "a.tar.gz")) == 4
    with pytest.raises(PackageError, match="JOBS_JUPYTER_MAX_PACKAGE_BYTES"):
        taken(tar_of(rows), "a.tar.gz")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_is_no_honest_one_is_not_read(kind: bytes) -> None:
    """Python's own reader keeps it in memory, and may search it in quadratic time."""
    head = tarfile.TarInfo("head")
    head.type, head.size = kind, 4 << 20
    packed = gzip.compress(head.tobuf() + b"0" * head.size + tarfile.TarInfo("x").tobuf() + bytes(1024), 1)
    with pytest.raises(PackageError, match=r"a header of 4\.0 MiB"):
        taken(packed, "a.tar.gz", Limits())


names = st.sampled_from(
    ["a", "b", "a/b", "a/b/c", "../a", "/a", "./a", "a/", "..", ".", "é", "a\udcff", "a/.."]
)
tars = st.lists(st.tuples(names, st.sampled_from(TYPES), st.binary(max_size=40), names), max_size=25).map(
    tar_of
)
modes = st.sampled_from([0, 0o100644, 0o120777, 0o40755, 0o20644, 0o10644])
plain = names.filter(lambda name: name.isprintable())
zips = st.lists(st.tuples(plain, modes, st.binary(max_size=40)), max_size=25).map(zip_of)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@settings(max_examples=200)
@given(tars | zips, st.sampled_from(["a.tar.gz", "a.zip"]), st.data())
def test_any_archive_and_any_damage_to_it_is_taken_or_refused(
    content: bytes, name: str, data: st.DataObject
) -> None:
    damaged = bytearray(content)
    for at in data.draw(st.lists(st.integers(0, max(0, len(content) - 1)), max_size=4)):
        damaged[at] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    for bytes_ in (content, bytes(damaged[:end])):
        with contextlib.suppress(PackageError):
            taken(bytes_, name)


@settings(max_examples=100)
@given(st.binary(max_size=3000), st.data())
def test_a_damaged_tar_in_sound_compression(noise: bytes, data: st.DataObject) -> None:
    raw = bytearray(gzip.decompress(tar_of([("a", REG, b"1" * 600, ""), ("b", SYM, b"", "a")])))
    at = data.draw(st.integers(0, 2500))
    raw[at : at + len(noise)] = noise
    with contextlib.suppress(PackageError):
        taken(gzip.compress(bytes(raw), 1), "a.tar.gz")
