"""What pickles name by reference."""

from __future__ import annotations

import collections
import contextlib
import functools
import pickle
import sys
import types
from typing import Any

import cloudpickle
import numpy as np
import pytest

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.cell_runner.references import main_names, references
from jobs_jupyter.packaging.variables import dump

NOTEBOOK = """
import enum, functools

@functools.lru_cache
def cached(x): return x
def plain(x): return x
class Plain:
    def method(self): return 1
class Cached:
    @functools.lru_cache(maxsize=8)
    def method(self): return 1
    class Inner:
        @staticmethod
        @functools.cache
        def deep(): return 1
class Colour(enum.Enum):
    RED = 1
def uses_cached(): return cached(1)
class Holder:
    def __reduce__(self): return pickle.loads, (pickle.dumps(cached),)
import pickle
"""


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A `__main__` like a notebook's."""
    module = types.ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec(NOTEBOOK, module.__dict__)
    return module


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("cached", ["cached"]),
        ("[1, {'a': (cached, cached)}]", ["cached"]),
        ("functools.partial(cached, 1)", ["cached"]),
        ("uses_cached", ["cached"]),
        ("Cached", ["Cached.Inner.deep", "Cached.method"]),
        ("Cached()", ["Cached.Inner.deep", "Cached.method"]),
        ("Holder()", ["cached"]),
        ("plain, Plain, Plain(), Plain().method, Colour, Colour.RED, lambda: plain", []),
        ("'__main__', b'__main__cached', {'__main__': 'cached'}", []),
    ],
)
def test_what_cloudpickle_leaves_in_main(
    notebook: types.ModuleType, expression: str, names: list[str]
) -> None:
    value = eval(expression, notebook.__dict__)
    assert sorted(main_names(cloudpickle.dumps(value, protocol=5))) == names
    said = r"'x' .*refers to '(Ca|ca)ched.* by name.*Define \w+ in"
    with pytest.raises(PackageError, match=said) if names else contextlib.nullcontext():
        dump("x", value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_leaves_all_in_main(notebook: types.ModuleType, protocol: int) -> None:
    value = [notebook.plain, notebook.Plain(), notebook.Colour.RED]
    assert main_names(pickle.dumps(value, protocol=protocol)) == ["plain", "Plain", "Colour"]


def test_ordinary_values_are_read_without_a_trace() -> None:
    values: list[Any] = [np.arange(5), np.array([{"a": 1}], dtype=object), collections.deque([1]), range(3)]
    values += [collections.OrderedDict(a=1), {frozenset({1}): {2}}, functools.partial(print, 1), bytearray(1)]
    found = references(cloudpickle.dumps(values))
    assert ("collections", "OrderedDict") in found
    assert main_names(cloudpickle.dumps([*values, "__main__"])) == []
    assert references(b"nonsense") == []
    assert references(b"\x80\x04cno_such_module\nA\n.") == [("no_such_module", "A")]
