"""The names that a cell needs from the notebook."""

from __future__ import annotations

import ast
import contextlib
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyflakes.checker import Checker
from pyflakes.messages import UndefinedExport, UndefinedLocal, UndefinedName

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.packaging.free_names import assigned_names, free_names

LAZY = sys.version_info >= (3, 14)  # annotations are not evaluated

CELLS: list[tuple[str, list[str]]] = [
    ("x = 1\nx", []),
    ("x = x + 1", ["x"]),
    ("x += 1", ["x"]),
    ("x: int\nx", ["x"]),
    ("del y", ["y"]),
    ("x = 1\ndel x\nx", ["x"]),
    ("f'{u}'", ["u"]),
    ("import numpy as np, os.path\nnp.x, os", []),
    ("from a import b as c\nc\nb", ["b"]),
    ("def f():\n  return g()\ndef g(): pass\nf()", []),
    ("def f(): return zz", ["zz"]),
    ("@dec\ndef f(a: ann = d) -> r: pass", ["dec", "d", "ann", "r"]),
    ("lambda a, *b, c=d, **e: a + b + c + e + f", ["d", "f"]),
    ("def f():\n  global k\n  k = 1\nf()\nk", []),
    ("def f():\n  def g():\n    nonlocal a\n    a = 2\n  a = 1", []),
    ("class A:\n  z = 1\n  w = z\n  def f(self): return z", ["z"]),
    ("class A(B, metaclass=M): pass", ["B", "M"]),
    ("class A:\n  def f(self): return __class__, A", []),
    ("def f():\n  x = 1\n  class C:\n    y = x", []),
    ("[i for i in a if i > b]", ["a", "b"]),
    ("{k: v for k, v in d for w in k}", ["d"]),
    ("i = [i for i in [1]]", []),
    ("[(y := i) for i in range(3)]\ny", []),
    ("while (n := h()):\n  print(n)", ["h"]),
    ("for i in range(3):\n  if i > 0: print(prev)\n  prev = i", []),
    ("for i in q: pass\ni", ["q"]),
    ("with open(p) as f: f.read()", ["p"]),
    ("try:\n  q\nexcept NameError:\n  q = 1\nq", []),
    ("try:\n  q\nexcept ValueError as e:\n  e", ["q"]),
    ("if 'm' not in globals():\n  m = 3\nm", []),
    ("match v:\n  case {'a': b, **r}: b, r\n  case [x, *y]: x, y\n  case P(q=1) as w: w", ["v", "P"]),
    ("await foo()\nasync with a as b: b", ["foo", "a"]),
    ("from x import *\ny", []),
    ("exec('y = 1')\ny", []),
    ("globals()['y'] = 1\ny", []),
    ("globals().update(y=1)\ny", []),
    ("%run a.py\ny", []),
    ("%%bash\necho $x", []),
    ("%matplotlib inline\ny", ["y"]),
    ("!ls\nx = !ls\nx", []),
    ("%time z = f(2)\nz", ["f"]),
    ("%%time\nz = f(2)\nz", ["f"]),
    ("?x", []),
    ("from __future__ import annotations\ndef f(a: Foo) -> Bar:\n  x: Baz = 1\ny: Qux = 1", []),
    ("def f():\n  x: Foo = 1\n  x.y: Bar = 2", []),
    ("class A:\n  x: Foo = 1\nx: Bar = 1", [] if LAZY else ["Foo", "Bar"]),
    ("def f():\n  class A:\n    x: Foo = 1", [] if LAZY else ["Foo"]),
    ("def f(a: 'Foo'): return a", []),
    ("%%timeit x = 1\nx + 1", []),
    ("%%timeit -n 10 -r3 import numpy as np\nnp.sum([1])", []),
    ("%%timeit -o\nzz", ["zz"]),
    ("%%prun -s cumulative -q x = 3\nx + y", ["y"]),
    ("%timeit -n1 zz", ["zz"]),
    ("def f(): return g()\ndef g(): pass\nf()\ndel g", []),
    ("for i in range(3):\n  print(prev if i else None)\n  prev = i", []),
    ("for i in q:\n  total = total + i", ["q", "total"]),
    ("from contextlib import suppress\nwith suppress(NameError):\n  del tmp", []),
    ("try:\n  del tmp\nexcept NameError:\n  pass", []),
    ("import sys\nif sys.version_info < (3,): x = unicode", []),
    ("if TYPE_CHECKING_ELSEWHERE: x = unicode", ["TYPE_CHECKING_ELSEWHERE", "unicode"]),
    ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  y = x", []),
    ("g = globals()\ng['a'] = 1\na", []),
    ("'{x}'.format(**globals())\ny", ["y"]),
    ("def f(): return '{x}'.format(**locals())\ny", ["y"]),
    ("globals().get('x')\ny", ["y"]),
    ("import sys\nsetattr(sys.modules[__name__], 'a', 1)\na", []),
    ("import builtins\nbuiltins.profile = print\nprofile()", []),
    ("pwd", []),
    ("ls -l", []),
    ("cd ..", []),
    ("pip install x", []),
    ("time.sleep(1)", ["time"]),
    ("timeit f(3)", ["f"]),
    ("x = pwd", ["pwd"]),
    ("µ = 1\n\N{GREEK SMALL LETTER MU}", []),
    ("print(_, __, In, Out, get_ipython(), display, exit, __name__)", []),
]


@pytest.mark.parametrize(("source", "names"), CELLS)
def test_free_names(source: str, names: list[str]) -> None:
    assert free_names(source) == names


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are new in Python 3.12")
@pytest.mark.parametrize(
    "source", ["def f[T: Later](a: T): pass", "class A[T: Later]: pass", "type A = Later"]
)
def test_what_is_evaluated_when_asked_for(source: str) -> None:
    assert free_names(source) == []


def installed(count: int) -> list[str]:
    """Return about so many files, evenly, of the standard library and of what is installed; they compile."""
    paths = sysconfig.get_paths()
    files = sorted(file for root in ("stdlib", "purelib") for file in Path(paths[root]).rglob("*.py"))
    found = []
    for file in files[:: len(files) // count]:
        with contextlib.suppress(SyntaxError, ValueError, UnicodeDecodeError, RecursionError):
            text = file.read_text(encoding="utf-8")
            compile(text, str(file), "exec", dont_inherit=True)
            found.append(text)
    return found


def undefined(source: str) -> set[str]:
    """Return the names that pyflakes finds to be undefined."""
    kinds = (UndefinedName, UndefinedLocal, UndefinedExport)
    said = Checker(ast.parse(source)).messages
    return {str(message.message_args[0]) for message in said if isinstance(message, kinds)}


def test_real_programs_lack_nothing() -> None:
    """Files of installed libraries, each as a cell: what pyflakes finds defined is not asked for."""
    programs = installed(100)
    assert len(programs) > 80
    for source in programs:
        missing = free_names(source)
        assert not missing or set(missing) <= undefined(source)


def test_what_the_job_brings_is_not_missing() -> None:
    assert free_names("a + b", ["a"]) == ["b"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = = 1", r"cell line 2 \(invalid syntax\): x = = 1"),
        ("\nreturn 1", "cell line 3 .*outside function"),
        ("a\n  b", "cell line 3 .*unexpected indent"),
        ("a = '", "cell line 2"),
    ],
)
def test_a_syntax_error_is_said_in_one_sentence(source: str, message: str) -> None:
    with pytest.raises(PackageError, match=message):
        free_names(source, lines_above=1)  # the %%job line


def test_assigned_names() -> None:
    source = "x = 1\nfor i in y: z = 2\ndef f():\n  global q\n  local = q = 1\nimport os.path"
    assert assigned_names(source) == {"x", "i", "z", "f", "q", "os"}
    assert assigned_names("from a import *") is None


NAMES = st.sampled_from("abc")
LINES = st.one_of(
    st.builds("{} = {}".format, NAMES, NAMES),
    st.builds("{} = 1".format, NAMES),
    st.builds("{} += 1".format, NAMES),
    st.builds("del {}".format, NAMES),
    st.builds("[{} for {} in [1]]".format, NAMES, NAMES),
    st.builds("({} := {})".format, NAMES, NAMES),
    st.builds("(lambda {}={}: 1)()".format, NAMES, NAMES),
)


@given(st.lists(LINES, max_size=6))
def test_straight_code_needs_exactly_what_python_misses(lines: list[str]) -> None:
    """Run the cell again and again, giving it what the NameError asks for: the plainly right answer."""
    source = "\n".join(lines)
    ast.parse(source)
    given: dict[str, object] = {}
    deleted = any(line.startswith("del") for line in lines)
    for _ in range(4):
        try:
            exec(source, dict(given))
            break
        except NameError as error:
            if error.name in given:  # deleted and used again: no input helps
                break
            given[str(error.name)] = 1
    found = set(free_names(source))
    assert found >= set(given) if deleted else found == set(given)
