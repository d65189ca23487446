"""Searching a log: what a reader sees is found, wherever it lies, and however the search is divided."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import log_search, visible_text
from jobs_jupyter.service.log_search import Found, LogSearch, Match
from jobs_jupyter.service.vault import Vault
from tests.service.log_texts import text_of

CONTENTS = st.lists(st.sampled_from(["\n", "ab", "A", "b", "é", "É", "\x1b[31m", "\x1b[0m", "\r\n", " "]))
ESCAPES = re.compile(r"\x1b\[\d*m|\r")


def model(content: str, text: str) -> list[Match]:
    """What there is to be found, said as simply as can be."""
    found, offset = [], 0
    for number, line in enumerate(content.split("\n"), 1):
        shown = ESCAPES.sub("", line).lower()
        found += [Match(offset, number, nth) for nth in range(shown.count(text.lower()))]
        offset += len(line.encode()) + 1
    return found


def counted(search: LogSearch) -> Found:
    """Count to the end, however many requests it takes, as the panel does."""
    found = search.count(0, 1, None)
    while not found.complete:
        more = search.count(found.next, found.line, None)
        found = Found(more.next, more.line, found.blocks + more.blocks, more.complete)
    return found


def matches(search: LogSearch) -> Iterator[Match]:
    """Look each match up in its block."""
    for offset, line, _, count in counted(search).blocks:
        for index in range(count):
            found = search.match(offset, line, index)
            assert found is not None
            yield found


@given(
    CONTENTS.map("".join), st.sampled_from(["a", "ab", "É", "b a", "bb"]), st.integers(1, 9), st.booleans()
)
@example("ab\nab", "ab", 2, False)
def test_all_that_is_there_is_found(content: str, text: str, block: int, hurried: bool) -> None:
    with (
        TemporaryDirectory() as folder,
        patch.object(log_search, "BLOCK_BYTES", block),
        patch.object(log_search, "BUDGET_S", 0.0 if hurried else 9.0),
    ):
        path = Path(folder, "log")
        path.write_bytes(content.encode())
        assert list(matches(LogSearch(text_of(path), text))) == model(content, text)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30))
def test_a_line_longer_than_a_piece(before: int, after: int, piece: int) -> None:
    with (
        TemporaryDirectory() as folder,
        patch.object(log_search, "PIECE", piece),
        patch.object(log_search, "OVERLAP", 6),
    ):
        path = Path(folder, "log")
        path.write_bytes(b"first\n" + b"." * before + b"needle" + b"." * after + b"needle\nlast needle\n")
        found = list(matches(LogSearch(text_of(path), "NEEDLE")))
        assert [match.line for match in found] == [2, 2, 3]


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        (b"plain", b"plain"),
        (b"\x1b[1;31mred\x1b[0m", b"red"),
        (b"\x1b]8;;https://x\x1b\\link\x1b]8;;\x1b\\", b"link"),
        (b" 10%\r 50%\r100%\n", b"100%"),
        (b"long text\rshort\n", b"shorttext"),
        (b"abc\b\bX", b"aXc"),
        (b"gone\x1b[2K\rkept", b"kept"),
        (b"gone\r\x1b[Kkept", b"kept"),
        (b"one\x1b[1Gtwo\x1b[2Cend", b"two  end"),
        (b"\r\x1b[999999999999Cx", b" x"),
        (b"a\x1b[2Db", b"b"),
        (b"line\r\n", b"line"),
        (b"\xff\xfe\rok", b"ok"),
    ],
)  # fmt: skip
def test_what_is_seen_of_a_line(raw: bytes, seen: bytes) -> None:
    assert visible_text.line(raw) == seen


def test_what_was_written_over_is_not_found(tmp_path: Path) -> None:
    log = tmp_path / "log"
    bar = b"".join(b"\rstep %06d of 100000" % number for number in range(100_000))
    log.write_bytes(b"begin\n" + bar + b"\nstep 000001 in a line of its own\n")
    assert [match.line for match in matches(LogSearch(text_of(log), "step 000001"))] == [3]
    assert [match.line for match in matches(LogSearch(text_of(log), "step 099999"))] == [2]


def test_it_goes_on_where_a_log_has_grown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"one\nhalf a nee")
    search = LogSearch(text_of(log, ended=False), "needle")
    found = search.count(0, 1, None)
    assert (found.next, found.line, found.complete) == (4, 2, True)
    with open(log, "ab") as file:
        file.write(b"dle\nneedle\n")
    more = search.count(found.next, found.line, None)
    assert [block[3] for block in more.blocks] == [2]
    assert search.match(found.next, found.line, 1) == Match(18, 3, 0)
    assert search.count(4, 2, 18).blocks == [[4, 2, 18, 1]]


def test_a_part_that_was_left_out_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with open(log, "wb") as file:
        file.write(b"needle\nhalf")
        file.seek(1 << 40)
        file.write(b"needle\nneedle")
    (tmp_path / "log.gap").write_text(json.dumps([11, 1 << 40]))
    found = list(matches(LogSearch(text_of(log), "needle")))
    assert found == [Match(0, 1, 0), Match(1 << 40, 4, 0), Match((1 << 40) + 7, 5, 0)]


def test_what_is_masked_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    vault = Vault(StatePaths(tmp_path / "home"))
    text = text_of(tmp_path / "log", vault)
    vault.keep_masks(text._paths, ["hunter2hunter2"])
    text.path.write_bytes(b"the password is hunter2hunter2\n")
    assert counted(LogSearch(text, "hunter2")).blocks[0][3] == 0
    assert counted(LogSearch(text, "password is ***")).blocks[0][3] == 1
