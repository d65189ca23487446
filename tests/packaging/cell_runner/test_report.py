"""What is said of an exception: its place as the editor shows it, and no more than anybody reads."""

from __future__ import annotations

import pytest

from tests.packaging.cell_runner.runs import Run


def test_an_exception_points_to_the_cells_line(run: Run) -> None:
    status, text = run("def f(row):\n    return row['user_id']\n\nprint('before')\nf({})")
    assert status == 1
    assert text.startswith("before\nTraceback")
    plain = run.plain
    assert "  cell line 5\n    f({})\n  cell line 2, in f\n" in plain
    assert plain.endswith("KeyError: 'user_id'\n")
    assert "run_cell" not in plain
    assert run.error == {"type": "KeyError", "message": "'user_id'", "line": 2}


def test_chained_exceptions(run: Run) -> None:
    source = "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise RuntimeError('two\\nlines') from e"
    status, text = run(source)
    assert status == 1
    assert "ZeroDivisionError" in text
    assert text.endswith("\x1b[1;31mRuntimeError: two\nlines\x1b[0m\n")
    assert run.error["line"] == 4


@pytest.mark.parametrize("blank", [0, 2])
@pytest.mark.parametrize("above", [0, 1, 3])
def test_lines_count_as_in_the_editor(run: Run, above: int, blank: int) -> None:
    assert run("\n" * blank + "x = 1\nx.nothing", lines_above=above)[0] == 1
    assert run.error["line"] == above + blank + 2
    assert f"  cell line {above + blank + 2}\n    x.nothing\n" in run.plain


def test_a_syntax_error_has_the_editors_line(run: Run) -> None:
    assert run("x = 1\ny = = 2", lines_above=1)[0] == 1
    assert run.error == {"type": "SyntaxError", "message": "invalid syntax", "line": 3}
    assert "  cell line 3\n    y = = 2\n" in run.plain


@pytest.mark.parametrize("magic", ["%%time", "%%capture", "%%capture out --no-stderr"])
def test_what_a_magic_runs_has_the_editors_line(run_ipython: Run, magic: str) -> None:
    status, _ = run_ipython(f"{magic}\n\ndef f():\n    return 1 / 0\n\nf()", lines_above=1)
    assert status == 1
    assert run_ipython.error["line"] == 5
    traceback = run_ipython.plain[run_ipython.plain.index("Traceback") :]
    assert traceback.startswith("Traceback (most recent call last):\n  cell line 7\n    f()\n")
    assert "  cell line 5, in f\n    return 1 / 0\n" in traceback
    assert "IPython" not in traceback


@pytest.mark.parametrize("character", ["\f", "\u2028", "\x1c", "\x85"])
def test_what_ends_no_line_shifts_none(run: Run, character: str) -> None:
    run(f"a = '{character}'\nb = '{character}'\nraise KeyError('here')")
    assert "  cell line 3\n    raise KeyError('here')\n" in run.plain


def test_a_long_message_is_cut_for_the_panel_and_whole_in_the_log(run: Run) -> None:
    assert run("raise ValueError('x' * 2_000_000)")[0] == 1
    assert len(run.error["message"]) <= 2000
    assert run.error["message"].endswith("(2,000,000 characters; the log has all of them)")
    assert "x" * 2_000_000 in run.text


def test_a_runaway_recursion_is_cut_in_its_middle(run: Run) -> None:
    source = (
        "import sys\nsys.setrecursionlimit(30_000)\ndef even(n):\n    return odd(n + 1)\n"
        "def odd(n):\n    return even(n + 1)\neven(0)"
    )
    assert run(source)[0] == 1
    assert run.error["type"] == "RecursionError"
    assert "calls in the middle of the traceback are not shown]" in run.text
    assert "  cell line 7\n    even(0)\n" in run.plain
    assert len(run.text.splitlines()) < 1000


def test_a_chain_of_a_thousand_exceptions_is_cut_in_its_middle(run: Run) -> None:
    source = (
        "def f(n):\n    try:\n        if n: f(n - 1)\n        1 / 0\n    except Exception as error:\n"
        "        raise ValueError(n) from error\nf(900)"
    )
    assert run(source)[0] == 1
    assert "more exceptions in this chain]" in run.text
    assert "ZeroDivisionError" in run.text
    assert run.plain.endswith("ValueError: 900\n")
    assert len(run.text) < 200_000


def test_groups_and_hidden_contexts(run: Run) -> None:
    source = (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    raise ExceptionGroup('two', [KeyError('a'), ValueError('b')]) from None"
    )
    assert run(source)[0] == 1
    assert "ZeroDivisionError: " not in run.text
    assert "KeyError: 'a'" in run.text
    assert run.error["message"] == "two (2 sub-exceptions)"


def test_a_message_that_cannot_be_shown(run: Run) -> None:
    source = "class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd"
    assert run(source)[0] == 1
    assert run.error == {"type": "Odd", "message": "(its message can't be shown: RuntimeError)", "line": 3}
