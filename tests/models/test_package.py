"""Manifests: canonical, and safe whoever wrote them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import Entry, Manifest, leads_out, package_digest

D = "a" * 64


def raw(*rows: list[Any]) -> bytes:
    return json.dumps({"format": 1, "entries": rows}).encode()


def test_order_does_not_matter() -> None:
    entries = [Entry("b", "f", 0o644, 1, D), Entry("a", "d"), Entry("a/\udcff", "l", target="../b")]
    manifest = Manifest(entries)
    assert manifest == Manifest(reversed(entries))
    assert Manifest.from_json(manifest.content) == manifest
    assert package_digest(manifest.uri) == manifest.digest
    assert (manifest.size, manifest.digests) == (1, {D})


def test_modes_are_masked() -> None:
    assert Manifest.from_json(raw(["a", "f", 0o104755, 0, D, ""])).entries[0].mode == 0o755


HOSTILE = [
    raw([path, "f", 0, 0, D, ""])
    for path in [
        "/a",
        "../a",
        "a/../b",
        "..",
        ".",
        "a//b",
        "a/",
        "",
        "./a",
        "a/.",
        "a\0",
        "\ud800",
        "\udcc3\udca9",
        "a" * 5000,
        "a/" + "b" * 256,
        "é" * 128 + "/a",
        "a/" + "\ud800" * 300,
    ]
] + [
    b"",
    b"[]",
    b"\xff",
    b"[" * 100_000,
    b'{"format":2,"entries":[]}',
    b'{"format":1}',
    raw([]),
    raw(["a", "f", 0, 0, D]),
    raw(["a", "f", 0, 0, "b" * 63, ""]),
    raw(["a", "f", 0, 0, "A" * 64, ""]),
    raw(["a", "f", 0, 0, "", ""]),
    raw(["a", "f", 0, -1, D, ""]),
    raw(["a", "f", 0, True, D, ""]),
    raw(["a", "f", 0, 2**63, D, ""]),
    raw(["a", "f", 0, 1.0, D, ""]),
    raw(["a", "f", "0", 0, D, ""]),
    raw(["a", "x", 0, 0, "", ""]),
    raw(["a", ["f"], 0, 0, D, ""]),
    raw([5, "f", 0, 0, D, ""]),
    raw(["a", "f", 0, 0, D, "b"]),
    raw(["a", "d", 0, 5, "", ""]),
    raw(["a", "l", 0, 0, "", ""]),
    raw(["a", "l", 0, 0, "", "/etc/passwd"]),
    raw(["a", "l", 0, 0, "", ".."]),
    raw(["a/b", "l", 0, 0, "", "../../c"]),
    raw(["a", "l", 0, 0, "", "b\0"]),
    raw(["a", "f", 0, 0, D, ""], ["a", "d", 0, 0, "", ""]),
    raw(["a", "l", 0, 0, "", "b"], ["a/c", "f", 0, 0, D, ""]),
    raw(["a", "f", 0, 0, D, ""], ["a/b/c", "f", 0, 0, D, ""]),
    # a link whose text stays inside, but which another link turns outwards
    raw(["p/q/x", "l", 0, 0, "", "../.."], ["y", "l", 0, 0, "", "p/q/x/../../b"]),
]


@pytest.mark.parametrize("content", HOSTILE, ids=lambda content: str(content[:60]))
def test_hostile(content: bytes) -> None:
    with pytest.raises(PackageError):
        Manifest.from_json(content)


def test_too_many_entries() -> None:
    with pytest.raises(PackageError, match="2 entries"):
        Manifest.from_json(raw(["a", "d", 0, 0, "", ""], ["b", "d", 0, 0, "", ""]), max_entries=1)


@pytest.mark.parametrize(
    "uri", ["", "a", "package://sha256/", f"package://sha256/{D}0", f"package://md5/{D}"]
)
def test_no_package_uri(uri: str) -> None:
    with pytest.raises(PackageError, match="has the form"):
        package_digest(uri)


def test_a_loop_leads_nowhere() -> None:
    assert not leads_out("a", {"a": "b", "b": "a"})
    assert not leads_out("d/a", {"d/a": "a/../b"})


def test_what_is_behind_a_loop_counts() -> None:
    links = {"a": "a/../..", "d/a": "../b/../a"}
    assert leads_out("a", links)
    assert leads_out("d/a", links)


def test_more_links_than_any_kernel_follows() -> None:
    chain = {f"l{number}": f"l{number + 1}" for number in range(100)}
    assert not leads_out("l60", chain)
    assert leads_out("l0", chain)


PLACES = ["a", "b", "d/a", "d/b", "d/e/a"]
TARGETS = st.lists(st.sampled_from(["..", "a", "b", "d", "e", "."]), min_size=1, max_size=6).map("/".join)


@given(st.dictionaries(st.sampled_from(PLACES), TARGETS))
def test_no_accepted_link_leads_out_of_a_real_directory(links: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve() / "root"
        (root / "d/e").mkdir(parents=True)
        for path, target in links.items():
            os.symlink(target, root / path)
        for path in links:
            real = Path(os.path.realpath(root / path))  # beyond a loop and what is missing as well
            if not leads_out(path, links):
                assert real == root or root in real.parents
