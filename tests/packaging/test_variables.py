"""Variables in and out."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.variables import differences, dump, dump_all, load, load_outputs


class Model:
    """Something that a user may have."""

    def __init__(self) -> None:
        self.weights = [1, 2]
        self.lock = threading.Lock()


@pytest.mark.parametrize("value", [1, "a", [1, {"b": (2,)}], None])
def test_round_trip(value: object) -> None:
    assert load("x", dump("x", value)) == value


def test_functions_go_by_value() -> None:
    assert load("f", dump("f", lambda x: x + 1))(1) == 2


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, threading.Lock()]}, r"x\['a'\]\[1\], a _thread.lock"),
        (Model(), r"x\.lock, a _thread.lock"),
    ],
)
def test_the_part_that_cannot_be_pickled_is_named(value: object, place: str) -> None:
    with pytest.raises(PackageError, match=f"'x' .*{place}.*cannot pickle.*leave x out of -i"):
        dump("x", value)


def test_a_variable_that_nests_too_deeply() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(PackageError, match=r"too deeply|recursion"):
        dump("x", value)


def test_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_MAX_INPUT_BYTES", "1000")
    assert set(dump_all({"a": 1, "b": "x" * 500})) == {"a", "b"}
    with pytest.raises(PackageError, match=r"b \(\d+ B\), a \(\d+ B\); pass less"):
        dump_all({"a": "x" * 500, "b": "x" * 600})


def test_load_outputs_warns_of_other_versions_first() -> None:
    about = {"python": "2.7.18", "variables": {"x": {"package": "pydantic", "version": "0.1"}}}
    files = {"outputs.json": json.dumps(about).encode(), "x.pickle": dump("x", 5)}
    with pytest.warns(UserWarning, match=r"Python 2\.7|pydantic 0\.1") as warned:
        assert load_outputs(files.get) == {"x": 5}
    assert len(warned) == 2
    assert load_outputs(lambda name: None) == {}
    assert differences({"python": None, "variables": {}}) == []


def test_what_cannot_be_loaded_is_said() -> None:
    with pytest.raises(PackageError, match="'x' needs the package 'no_such_module'"):
        load("x", b"cno_such_module\nA\n.")
    with pytest.raises(PackageError, match="cannot be unpickled"):
        load("x", b"nonsense")
