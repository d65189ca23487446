"""Files with holes keep them, and every byte."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.service.sparse import PieceReader, pieces, reader_of, write_pieces


@given(st.lists(st.tuples(st.integers(0, 200_000), st.binary(min_size=1, max_size=9000)), max_size=4))
def test_copied_byte_by_byte(tmp_path_factory: pytest.TempPathFactory, data: list[tuple[int, bytes]]) -> None:
    folder = tmp_path_factory.mktemp("sparse")
    with open(folder / "source", "wb") as file:
        for offset, content in data:
            file.seek(offset)
            file.write(content)
        file.truncate(300_000)
    descriptor = os.open(folder / "source", os.O_RDONLY)
    try:
        wanted = pieces(descriptor, 300_000)
        packed = PieceReader(reader_of(descriptor), wanted).read()
        by_parts = PieceReader(reader_of(descriptor), wanted)
        assert b"".join(iter(lambda: by_parts.read(1000), b"")) == packed
    finally:
        os.close(descriptor)
    assert len(packed) == sum(length for _, length in wanted) <= 300_000
    with open(folder / "target", "wb") as file:
        write_pieces(file, io.BytesIO(packed), wanted, 300_000)
    assert (folder / "target").read_bytes() == (folder / "source").read_bytes()


def test_a_file_that_shrinks_reads_as_zeros_behind_its_end(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"x" * 10)
    descriptor = os.open(tmp_path / "source", os.O_RDWR)
    try:
        wanted = pieces(descriptor, 10)
        os.truncate(descriptor, 4)
        assert PieceReader(reader_of(descriptor), wanted).read() == b"xxxx" + b"\0" * 6
    finally:
        os.close(descriptor)
    with open(tmp_path / "target", "wb") as file, pytest.raises(EOFError):
        write_pieces(file, io.BytesIO(b"short"), [(0, 10)], 10)
