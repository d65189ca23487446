"""The gitignore dialect, against git itself."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs_jupyter.packaging.directory import snapshot
from jobs_jupyter.packaging.ignore import Rules

TREE = [
    "a",
    "b.txt",
    "ab",
    "d/a",
    "d/b.txt",
    "d/e/a",
    "d/e/ab",
    "d/e/f/a.txt",
    "e/a",
    "e/d/a",
    "a b",
    "!a",
    "#a",
    "x]",
]

# Left out: where pathspec differs from git, which is `**` beside other characters in one segment,
# named classes such as [[:digit:]], brackets that are never closed, and a trailing `**/`.
PIECES = st.sampled_from(
    ["a", "b", "d", "e", "f", "*", "?", ".txt", "[ab]", "[!a]", "[a-c]", " ", "!", "#", r"\!"]
)
SEGMENT = st.one_of(st.lists(PIECES, min_size=1, max_size=4).map("".join), st.just("**"))
PATTERN = (
    st.tuples(
        st.sampled_from(["", "", "!", "/", "#"]),
        st.lists(SEGMENT, min_size=1, max_size=3).map("/".join),
        st.sampled_from(["", "", "/", " "]),
    )
    .map("".join)
    .filter(lambda pattern: not pattern.endswith("**/"))
)
PATTERNS = st.lists(PATTERN, max_size=5)


def files_by_git(root: Path) -> set[str]:
    """What git would track: the plainly right answer."""
    listed = subprocess.run(
        ["git", "-c", "core.excludesFile=/dev/null", "ls-files", "-z", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    return {path for path in listed.stdout.decode().split("\0") if path}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is what the rules are compared with")
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(outer=PATTERNS, inner=PATTERNS)
def test_takes_what_git_takes(outer: list[str], inner: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        for path in TREE:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("x")
        (root / ".gitignore").write_text("\n".join(outer))
        (root / "d/.gitignore").write_text("\n".join(inner))
        taken = {entry.path for entry in snapshot(root).manifest.entries if entry.kind == "f"}
        assert taken == files_by_git(root)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.py", "a/b.py", True),
        ("/b.py", "a/b.py", False),
        ("a/", "a", False),
        ("a/**", "a/b/c", True),
        ("**/c", "a/b/c", True),
        ("***/a", "b/a", True),
        (r"**\/a", "a", False),
        ("a/**/c", "a/c", True),
        ("# a", "# a", False),
        (r"\#a", "#a", True),
        ("a ", "a", True),
        (r"a\ ", "a ", True),
        ("a\r", "a", True),
        ("[", "[", False),
    ],
)
def test_one_pattern(pattern: str, path: str, matches: bool) -> None:
    found = Rules([pattern], "test").match(path, is_directory=False)
    assert (found is not None) == matches


def test_the_last_match_decides_and_names_itself() -> None:
    rules = Rules(["*.csv", "!keep.csv"], ".gitignore")
    rule = rules.match("keep.csv", is_directory=False)
    assert rule is not None
    assert rule.negated
    assert str(rule) == "!keep.csv (.gitignore)"
