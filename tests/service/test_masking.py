"""What is secret in a log is masked, byte for byte, whatever part of it is read, and however it is read."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.parse
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs_jupyter.models.errors import VaultError
from jobs_jupyter.models.log_gap import LogGap, mark
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import follow, logs
from jobs_jupyter.service.masking import Masks
from jobs_jupyter.service.vault import Vault
from tests.service.log_texts import text_of
from tests.service.test_logs import model

VALUES = st.lists(
    st.sampled_from(
        [
            "abababab",
            "ababababc",
            "aaaaaaaa",
            "babababa\nabababab",
            "cabcabca",
            "short",
            "äöüß",
            "ab ab/ab+ab",
        ]
    ),
    min_size=1,
    max_size=3,
)
PIECES = [b"ab", b"a", b"c", b"\n", b"aaaa", b"abababab", b"abababa", b"\nbaba", b"cabcabca", b"\xff", b"%2F"]
LOGS = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


def reference(log: bytes, masks: Masks) -> bytes:
    """The simplest way to say which bytes are masked."""
    hidden = set[int]()
    for form in masks.forms:
        for start in range(len(log)):
            if log.startswith(form, start):
                hidden.update(range(start, start + len(form)))
    return bytes(ord("*") if at in hidden else byte for at, byte in enumerate(log))


@given(LOGS, VALUES)
def test_every_byte_of_every_occurrence(log: bytes, values: list[str]) -> None:
    masks = Masks(values)
    assert masks.masked(log) == reference(log, masks)


@given(LOGS, VALUES, st.integers(0, 60), st.integers(1, 60))
def test_any_part_is_that_part_of_the_whole(log: bytes, values: list[str], start: int, length: int) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, log, values)
        text = text_of(path, vault_of(folder))
        assert text.read(start, start + length) == reference(log, Masks(values))[start : start + length]
        assert text.size() == len(log)


def test_each_byte_of_the_longest_form_by_itself(tmp_path: Path) -> None:
    longest = max(Masks(["ab ab/ab+ab"]).forms, key=len)
    path = written(str(tmp_path), b"<" + longest + b">", ["ab ab/ab+ab"])
    text = text_of(path, vault_of(str(tmp_path)))
    shown = b"<" + b"*" * len(longest) + b">"
    assert [text.read(at, at + 1) for at in range(len(shown))] == [bytes([byte]) for byte in shown]


@given(LOGS, VALUES, st.sampled_from(["HEAD", "TAIL"]), st.none() | st.integers(1, 9), st.integers(1, 9))
def test_lines_are_those_of_the_masked_log(
    log: bytes, values: list[str], mode: str, count: int | None, block: int
) -> None:
    with TemporaryDirectory() as folder, patch.object(logs, "BLOCK", block):
        path = written(folder, log, values)
        shown = model(reference(log, Masks(values)), mode, count)
        assert logs.read(text_of(path, vault_of(folder)), mode, count) == shown


@given(st.lists(LOGS, min_size=1, max_size=6), VALUES, st.integers(1, 40), st.integers(0, 40))
@example([b"abab", b"abab", b"ab"], ["abababab"], 3, 2)
def test_a_log_that_is_followed_while_it_grows(
    writes: list[bytes], values: list[str], chunk: int, start: int
) -> None:
    """What is sent is a part of the whole as it is masked at the end; only a beginning is held back."""
    masks = Masks(values)
    whole = reference(b"".join(writes), masks)
    with TemporaryDirectory() as folder, patch.object(follow, "CHUNK", chunk):
        path = written(folder, b"", values)
        text = text_of(path, vault_of(folder), ended=False)
        sent = b""
        for write in writes:
            with open(path, "ab") as file:
                file.write(write)
            end = text.size()
            assert path.stat().st_size - end <= masks.reach
            sent += asyncio.run(spanned(text, start + len(sent), end))
            assert whole[start:].startswith(sent)
        text.ended = True
        sent += asyncio.run(spanned(text, start + len(sent), text.size()))
        assert sent == whole[start:]


async def spanned(text: object, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in follow.span(text, start, end)])  # type: ignore[arg-type]


@given(LOGS, LOGS, VALUES, st.integers(0, 90), st.integers(1, 90), st.integers(1, 40))
def test_nothing_of_a_value_is_left_beside_a_gap(
    before: bytes, after: bytes, values: list[str], start: int, length: int, hole: int
) -> None:
    """Whatever was left out: no byte is shown that would have been masked, had it been there."""
    masks = Masks(values)
    with TemporaryDirectory() as folder:
        path = written(folder, before + b"\0" * hole + after, values)
        gap = LogGap(len(before), len(before) + hole)
        path.with_name("log.gap").write_text(json.dumps(gap))
        text = text_of(path, vault_of(folder))
        shown = text.read(start, start + length)
        whole = masks.masked(before, cut_after=True) + b"\0" * hole + masks.masked(after, cut_before=True)
        if start < gap.start:
            assert shown == whole[start : min(start + length, gap.start)]
        elif start >= gap.end:
            assert shown == whole[start : start + length]
        for form in masks.forms:
            for cut in range(1, len(form)):
                if before.endswith(form[:cut]):
                    assert masks.masked(before, cut_after=True).endswith(b"*" * cut)
                if after.startswith(form[cut:]):
                    assert masks.masked(after, cut_before=True).startswith(b"*" * (len(form) - cut))
        marked = logs.read(text, "HEAD", None)
        assert mark(hole) in marked


def test_the_forms_in_which_programs_print_a_value() -> None:
    value = 'pässword/with "quotes" & more'
    masks = Masks([value])
    for before in ("", "a", "ab", "abc", "user:"):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            shown = encode(f"{before}{value} behind".encode())
            plain = masks.masked(shown)
            assert len(plain) == len(shown)
            assert plain.count(b"*") >= len(value) * 8 // 6 - 2
    for form in (
        value,
        urllib.parse.quote(value),
        urllib.parse.quote(value, safe=""),
        urllib.parse.urlencode({"password": value}).partition("=")[2],
        json.dumps(value)[1:-1],
    ):
        assert masks.masked(b"<" + form.encode() + b">") == b"<" + b"*" * len(form.encode()) + b">"
    assert masks.words(f"{value}, said twice: {value}") == f"{'*' * 30}, said twice: {'*' * 30}"


def test_each_line_of_a_value_that_has_several() -> None:
    masks = Masks(["-----BEGIN KEY-----\r\nMIIEvQIBADANBg\n  kqhkiG9w0BAQEF\nend\n"])
    assert masks.masked(b"> MIIEvQIBADANBg\n> kqhkiG9w0BAQEF\n> end\n") == (
        b"> " + b"*" * 14 + b"\n> " + b"*" * 14 + b"\n> end\n"
    )


def test_short_values_are_not_masked() -> None:
    assert Masks(["1234567"]).masked(b"1234567 12345678") == b"1234567 12345678"
    assert Masks(["12345678"]).masked(b"1234567 12345678") == b"1234567 ********"
    assert Masks(["äöüß"]).masked("äöüß".encode()) == b"*" * 8, "bytes count"


def test_masks_that_come_while_the_log_is_read(tmp_path: Path) -> None:
    """A follower may be there before it is known what the run gets; tools have written then."""
    path = tmp_path / "log"
    path.write_bytes(b"installing\n")
    vault = vault_of(str(tmp_path))
    text = text_of(path, vault, ended=False)
    assert text.read(0, text.size()) == b"installing\n"
    vault.keep_masks(RunPaths(tmp_path), ["12345678"])
    path.write_bytes(b"installing\n12345678 123")
    assert text.read(0, text.size()) == b"installing\n******** "
    vault.keep_masks(RunPaths(tmp_path), ["87654321"])  # the run was prepared again
    path.write_bytes(b"installing\n87654321 876")
    assert text.read(0, text.size()) == b"installing\n******** "


def test_masks_that_come_between_two_looks(tmp_path: Path) -> None:
    """Between the look at what is to be masked and the look at the log, they and the log are written."""
    path = tmp_path / "log"
    path.write_bytes(b"")
    vault = vault_of(str(tmp_path))
    text = text_of(path, vault, ended=True)
    raw = text._raw

    def late(start: int, end: int) -> bytes:
        if not RunPaths(tmp_path).masks.exists():
            vault.keep_masks(RunPaths(tmp_path), ["12345678"])
            path.write_bytes(b"it is 12345678\n")
        return raw(start, end)

    with patch.object(text, "_raw", late):
        assert text.read(8, 100) == b"******\n", "that it is the rest of a value shows what is before it"


def test_what_is_to_be_masked_can_not_be_told(tmp_path: Path) -> None:
    path = written(str(tmp_path), b"12345678\n", ["12345678"])
    RunPaths(tmp_path).masks.write_text('{"key": "file", "sealed": "AAAA"}')
    with pytest.raises(VaultError, match=r"can't be shown"):
        text_of(path, vault_of(str(tmp_path))).size()


def written(folder: str, log: bytes, values: list[str]) -> Path:
    """A run's log, and what is secret in it."""
    vault_of(folder).keep_masks(RunPaths(Path(folder)), values)
    (path := Path(folder, "log")).write_bytes(log)
    return path


def vault_of(folder: str) -> Vault:
    """A vault whose key is in a file already: then no keyring is asked."""
    paths = StatePaths(Path(folder, "home"))
    paths.home.mkdir(exist_ok=True)
    paths.vault_key.write_text(base64.b64encode(b"0" * 32).decode())
    return Vault(paths)
