"""What only Linux or only macOS has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobs_jupyter.service import machine


def test_only_the_file_system_of_a_directory_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_all() -> None:
        raise AssertionError("every file system of the machine was waited for")

    if machine.LINUX:
        monkeypatch.setattr(os, "sync", of_all)
    machine.sync(str(tmp_path))
    with pytest.raises(FileNotFoundError):
        machine.sync(str(tmp_path / "none"))


def test_a_clone_is_a_copy_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"content" * 10_000)
    made = machine.clone(str(tmp_path / "old"), str(tmp_path / "new"))
    assert made == (tmp_path / "new").exists()
    assert not made or (tmp_path / "new").read_bytes() == (tmp_path / "old").read_bytes()
