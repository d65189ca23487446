"""Wheels of nothing but metadata, from what is installed."""

from __future__ import annotations

import zipfile
from pathlib import Path

from jobs_jupyter.service.stand_ins import write_stand_ins


def installed(folder: Path, name: str, text: str | None) -> None:
    (folder / name).mkdir(parents=True)
    if text is not None:
        (folder / name / "METADATA").write_text(text)


def test_what_is_found_first_is_offered_without_its_description(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    head = "Metadata-Version: 2.1\nName: Some.Thing\nVersion: 2023.03.1+cpu\nRequires-Dist: x\n"
    installed(first, "Some_Thing-2023.03.1+cpu.dist-info", f"{head}\nA long description.\n")
    installed(second, "some_thing-1.0.dist-info", "Name: some_thing\nVersion: 1.0\n")
    installed(first, "odd-1.x.y.dist-info", "Name: odd\n")
    installed(first, "old-1.0-py3.11.egg-info", None)
    installed(first, "damaged-1.0.dist-info", None)
    found = write_stand_ins([str(first), str(second), str(tmp_path / "none")], tmp_path / "made")
    assert found == {"some-thing": "2023.3.1+cpu"}
    (made,) = (tmp_path / "made").iterdir()
    assert made.name == "some_thing-2023.3.1+cpu-py3-none-any.whl"
    with zipfile.ZipFile(made) as opened:
        assert opened.read("some_thing-2023.3.1+cpu.dist-info/METADATA").decode() == head
