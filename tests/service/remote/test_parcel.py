"""How what was fetched is laid out."""

from __future__ import annotations

import pytest

from jobs_jupyter.models.package import Entry
from jobs_jupyter.service.remote.parcel import laid_out


@pytest.mark.parametrize(
    ("paths", "field", "name", "expected"),
    [
        (["app/main.py", "app/d/x"], "working_dir", "", ["main.py", "d/x"]),
        (["app/", "app/main.py"], "working_dir", "", ["main.py"]),
        (["app/main.py", "other"], "working_dir", "", ["app/main.py", "other"]),
        (["main.py"], "working_dir", "", ["main.py"]),
        (["mine/__init__.py"], "py_modules", "", ["mine/__init__.py"]),
        (["lib-1.0/mine/__init__.py"], "py_modules", "", ["mine/__init__.py"]),
        (["__init__.py"], "py_modules", "mine", ["mine", "mine/__init__.py"]),
        ([], "working_dir", "", []),
    ],
)
def test_layouts(paths: list[str], field: str, name: str, expected: list[str]) -> None:
    entries = [Entry(path.rstrip("/"), "d" if path.endswith("/") else "f") for path in paths]
    assert [entry.path for entry in laid_out(entries, field, name)] == expected
