"""What people type above and on a `%%job` line, in a real kernel."""

from __future__ import annotations

import pytest

from jobs_jupyter import job
from jobs_jupyter.notebook.cell_lines import as_meant
from jobs_jupyter.notebook.options import UsageError, cell_parser
from tests.notebook.conftest import Kernel

NBSP = "\N{NO-BREAK SPACE}"
LINES = [
    (f"train{NBSP}-i df", "there is a no-break space before '-i'; write an ordinary space, or none"),
    ("train\N{ZERO WIDTH SPACE} -i df", "there is a zero width space before"),
    ("train \N{IDEOGRAPHIC SPACE}", "there is an ideographic space at the end; write an ordinary space"),
    ("--name \N{LEFT DOUBLE QUOTATION MARK}my job\N{RIGHT DOUBLE QUOTATION MARK}", "is a typographic quote"),
    ("-t team=\N{RIGHT SINGLE QUOTATION MARK}a b\N{RIGHT SINGLE QUOTATION MARK}", "is a typographic quote"),
    ("\N{EM DASH}retries 2", "is a typographic dash; write --retries"),
    ("\N{EN DASH}i df", "is a typographic dash; write -i"),
    ("-i df;", "leave out the ; at the end of 'df;'"),
    ("-i df; -o x", "'df;' is not a variable's name; write df"),
    ("-i df.x", "'df.x' is not a variable's name; give the value a name first."),
    ("train  # nightly", "a comment can't stand on this line; move '# nightly' below it"),
    ("train #nightly", "a comment can't stand on this line; move '#nightly' below it"),
    ("train \\", r"the line ends in \, and it can't go on in the next one"),
    ("\N{EM DASH} note", "is a typographic dash; write -, or put the text into quotes"),
    ("-e MSG=it's", "a word that holds a quote goes into quotes of the other kind"),
    ("--bogus", "there is no option --bogus. %%job? shows"),
    ("--xyz 3", "there is no option --xyz. %%job? shows"),
    ("--gpu 1", "did you mean --gpus?"),
    ("--retrys 1", "did you mean --retries?"),
    ("-m 3", "there is no option -m. %%job? shows"),
]


@pytest.mark.parametrize(("line", "said"), LINES)
def test_a_sentence_that_helps(line: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        cell_parser().read(line)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_in_quotes_is_the_users_own() -> None:
    line = f"-t 'a=x{NBSP}y' -t \"b=# \N{EM DASH} ’; \" -t c=it’s#1"  # noqa: RUF001
    options = cell_parser().read(line)
    assert options.tag == [("a", f"x{NBSP}y"), ("b", "# — ’; "), ("c", "it’s#1")]  # noqa: RUF001
    assert cell_parser().read("-i df, params ,x -o a , b").inputs == ["df", "params", "x"]
    assert cell_parser().read("-o a , b train").outputs == ["a", "b"]


CELLS = [
    ("%%job a\n1", "%%job a\n1"),
    (f"%%job{NBSP}a\n1", f"%%job {NBSP}a\n1"),
    ("%%job\ta\n1", "%%job a\n1"),
    ("\ufeff%%job a\n1", "%%job a\n1"),
    ("%% job a\n1", "%%job a\n1"),
    ("%%JOB a\n1", "%%job a\n1"),
    ("%%job a", "%%job a\n\n"),
    ("%%job?", "%%job?"),
    ("%%jobs\n1", "%%jobs\n1"),
    ("x = '''\n%%job a\n'''", "x = '''\n%%job a\n'''"),
    ("%%writefile a.txt\n%%job a", "%%writefile a.txt\n%%job a"),
    ("%%job a\nx = '''\n%%job a\n'''", "%%job a\nx = '''\n%%job a\n'''"),
    ("%job stop?", "%job stop --help\n"),
    ("%job stop a", "%job stop a"),
    ("x = 1\n%job\tlist\n%job\u00a0list", "x = 1\n%job list\n%job list"),
    ("print('%job stop?')", "print('%job stop?')"),
]


@pytest.mark.parametrize(("cell", "read"), CELLS)
def test_how_a_cell_is_read(cell: str, read: str) -> None:
    assert "".join(as_meant(cell.splitlines(keepends=True))) == read


@pytest.mark.parametrize(
    "above", ["# nightly", "import os", "def f():\n    return 1", "%time", "\n# a", "x = [1,\n2]"]
)
def test_what_stands_above(above: str) -> None:
    [line] = as_meant(f"{above}\n%%job a\n1".splitlines(keepends=True))
    assert "%%job has to be the first line of its cell" in line


@pytest.mark.notebook
def test_in_a_kernel(kernel: Kernel) -> None:
    for cell, said in [
        ("# nightly\n%%job a\n1", "first line of its cell. Move the comment above it (# nightly) elsewhere."),
        ("import os\n\n%%job a\n1", "first line of its cell. Move the code above it (import os) elsewhere."),
        ("%%job a\n1\n%%job b\n2", "The cell has two %%job lines."),
        (f"%%job{NBSP}a\n1", "%%job: there is a no-break space before 'a'"),
        ("%%job a", "%%job: the cell is empty"),
        ("%%job a  # nightly\n1", "%%job: a comment can't stand on this line"),
        ("%job stop a  # now", "%job stop: a comment can't stand on this line"),
    ]:  # fmt: skip
        shown = kernel(cell)
        assert said in shown.error
        assert shown.error.count("\n") == 0
    assert list(job.list()) == []
    assert "--retries N" in kernel("%%job --help").text
    assert "--retries N" in kernel("%%job train -h\nprint(1)").text
    for line in ("%job stop?", "%job stop --help", "%job stop -h"):
        shown = kernel(line)
        assert "usage: %job stop NAME" in shown.text
        assert shown.error == ""
    assert "%job list" in kernel("%job --help").text
    assert kernel("\n\n%%job below-blank-lines --wait\nprint(1)").error == ""
    kernel("%unload_ext jobs_jupyter")
    assert "not found" in kernel("# nightly\n%%job a\n1").text
