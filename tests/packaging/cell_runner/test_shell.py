"""A cell in IPython: what a front end supplies in a notebook does not fail a job."""

from __future__ import annotations

import pytest

from tests.packaging.cell_runner.runs import Run

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1])\n"
TABLE = "from IPython.display import HTML\ndisplay(HTML('<table></table>'))"


def test_what_a_notebook_has(run_ipython: Run) -> None:
    source = "%env JOBS_TEST=5\nx = !echo hi\ndisplay(x[0])\nget_ipython().get_parent()"
    assert run_ipython(source) == (0, "env: JOBS_TEST=5\n'hi'\n{}\n")


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib agg",
        "%matplotlib",
        "%gui qt",
        "%gui",
        "%autosave 60",
        "%config InlineBackend.figure_format = 'retina'",
        "%load_ext autoreload\n%autoreload 2",
        "%connect_info",
        "%clear",
        "%xmode Verbose",
        "%store",
        "%history",
        "%who",
        "%man true",
        "x = 1\nx?\nprint??",
        "get_ipython().set_next_input('x')",
        "get_ipython().ask_exit()",
        "%pdb on",
        "%%javascript\nalert(1)",
        "%%html\n<b>bold</b>",
        "%%bash\necho hi",
        "from IPython.display import clear_output\nclear_output(wait=True)",
    ],
)
def test_what_only_a_front_end_can_do_is_harmless(run_ipython: Run, source: str) -> None:
    status, text = run_ipython(source)
    assert status == 0, text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("source", "displayed"),
    [
        (f"%matplotlib inline\n{PLOT}plt.show()", {"figure": 1}),
        (f"%matplotlib inline\n{PLOT}plt.show()\nplt.plot([2]);", {"figure": 2}),
        ("%pylab inline\nplot([1]);", {"figure": 1}),
        (f"%matplotlib agg\n{PLOT}plt.show()", None),
        ("from IPython.display import HTML\nHTML('<table></table>')", {"table": 1}),
        (
            "from IPython.display import HTML, SVG\ndisplay(HTML('<b>a</b>'), SVG('<svg></svg>'))",
            {"output": 1, "figure": 1},
        ),
        ("h = display('text', display_id='a')\nh.update('more')\n5", None),
        (f"{TABLE}\n1 / 0", {"table": 1}),
        (f"%%capture\n{TABLE}", None),
    ],
)
def test_what_is_displayed_is_counted(
    run_ipython: Run, source: str, displayed: dict[str, int] | None
) -> None:
    run_ipython(source)
    assert run_ipython.displayed == displayed


def test_extensions_hear_of_the_cell(run_ipython: Run) -> None:
    source = "get_ipython().events.register('post_run_cell', lambda result: print('over'))\nprint('cell')"
    assert run_ipython(source) == (0, "cell\nover\n")


def test_what_store_has_kept_is_there(run_ipython: Run) -> None:
    (run_ipython.root.parent / "ipython" / "profile_default" / "db").mkdir(parents=True)
    assert run_ipython("kept = 5\n%store kept")[0] == 0
    run_ipython.log.unlink()
    assert run_ipython("%store -r kept\nkept") == (0, "5\n")


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("%%time\n1 / 0", 1),
        ("%%time\nimport sys; sys.exit(3)", 3),
        ("%time 1 / 0", 1),
        ("%%capture\nimport sys; sys.exit(3)", 3),
        ("%run fails.py", 1),
        ("%run leaves.py", 3),
        ("%run -m fails", 1),
        ("%run nothing.py", 1),
        ("%%timeit\n1 / 0", 1),
        ("%%prun\n1 / 0", 1),
        ("%%bash\nexit 3", 1),
        ("%no_such_magic", 1),
    ],
)
def test_what_fails_in_a_magic_fails_the_job(run_ipython: Run, source: str, status: int) -> None:
    (run_ipython.root / "fails.py").write_text("1 / 0")
    (run_ipython.root / "leaves.py").write_text("import sys; sys.exit(3)")
    assert run_ipython(source)[0] == status, run_ipython.text


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    get_ipython().showtraceback()",
        "def hook(result): 1 / 0\nget_ipython().events.register('post_run_cell', hook)",
    ],
)
def test_what_a_program_shows_of_an_exception_is_shown(run_ipython: Run, source: str) -> None:
    status, text = run_ipython(f"{source}\nprint('after')")
    assert status == 0
    assert "ZeroDivisionError" in text
    assert "after" in text
