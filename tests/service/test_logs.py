"""Reading ends of a log, against the simplest way to say what they are."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from jobs_jupyter.service import logs
from tests.service.log_texts import text_of

CONTENTS = st.lists(st.sampled_from([b"\n", b"\r", b"a", b"bc", b"\xff", b"\0", b"\x0b", b"\n\n"])).map(
    b"".join
)


def model(content: bytes, mode: str, max_lines: int | None) -> bytes:
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if max_lines is not None:
        lines = lines[:max_lines] if mode == "HEAD" else lines[-max_lines:]
    return b"".join(line + b"\n" for line in lines)


@given(CONTENTS, st.sampled_from(["HEAD", "TAIL"]), st.none() | st.integers(1, 12), st.integers(1, 9))
@example(b"\n", "TAIL", 1, 1)
@example(b"", "TAIL", 1, 1)
@example(b"a\nb\n", "TAIL", 1, 2)
@example(b"\n\n\n", "HEAD", 2, 1)
def test_ends_of_any_log_with_any_block(content: bytes, mode: str, max_lines: int | None, block: int) -> None:
    with TemporaryDirectory() as folder, patch.object(logs, "BLOCK", block):
        path = Path(folder, "log")
        path.write_bytes(content)
        assert logs.read(text_of(path), mode, max_lines) == model(content, mode, max_lines)
        assert text_of(path).size() == len(content)


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert logs.read(text_of(tmp_path / "log"), "TAIL", 5) == b""
    assert logs.read(text_of(tmp_path / "log"), "HEAD", None) == b""
    assert text_of(tmp_path / "log").size() == 0


def test_the_end_of_a_huge_log_is_not_looked_for_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a hole of a terabyte
        file.seek(0, 2)
        file.write(b"\nlast\nlines\n")
    assert logs.read(text_of(path), "TAIL", 2) == b"last\nlines\n"
