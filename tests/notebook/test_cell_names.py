"""What is said of the names of a cell."""

from __future__ import annotations

import collections
import datetime
import json
import os.path
import textwrap
from typing import Any

import pytest

from jobs_jupyter.notebook.cell_names import check_names, chosen, explain
from jobs_jupyter.notebook.options import UsageError, cell_parser


class Here:
    """A class of the notebook."""


Here.__module__ = "__main__"
NOTEBOOK: dict[str, Any] = {
    "js": json,
    "path": os.path,
    "wrap": textwrap.wrap,
    "date": datetime.date,
    "Pile": collections.Counter,
    "Here": Here,
    "df": [1],
    "μ": 1.5,
}


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (["js"], "'js', which only the notebook has imported; write `import json as js` in the cell."),
        (["wrap"], "`from textwrap import wrap`"),
        (["Pile"], "`from collections import Counter as Pile`"),
        (["df"], "'df', but only the notebook has it; pass it with -i df."),
        (["Here", "df"], "'Here' and 'df', but only the notebook has them; pass them with -i Here,df."),
        (["dff"], "'dff', which neither it nor the notebook defines; did you mean df?"),
        (["q", "r"], "'q' and 'r', which neither it nor the notebook defines; define them in the cell."),
    ],
)
def test_what_to_write(missing: list[str], said: str) -> None:
    assert said in explain(missing, NOTEBOOK)


def test_all_is_said_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        check_names("js.dumps(df), date, nothing, wrap", [], [], NOTEBOOK)
    assert str(refused.value) == (
        "%%job: the cell uses 'js', 'date' and 'wrap', which only the notebook has imported; write "
        "`import json as js` and `from datetime import date` and `from textwrap import wrap` in the cell. "
        "It uses 'df', but only the notebook has it; pass it with -i df. "
        "It uses 'nothing', which neither it nor the notebook defines; define it in the cell."
    )
    with pytest.raises(
        UsageError, match="the notebook has no variables 'a' and 'b'; run the cell that makes"
    ):
        chosen(["a", "df", "b"], NOTEBOOK)
    with pytest.raises(UsageError, match="does not assign 'x' and 'y'; assign them, or leave them out"):
        check_names("z = 1", [], ["x", "z", "y"], NOTEBOOK)


def test_names_are_those_that_python_makes_of_them() -> None:
    options = cell_parser().read("-i \N{MICRO SIGN},df -o ﬁt --as \N{MICRO SIGN}")
    assert options.inputs == ["\N{GREEK SMALL LETTER MU}", "df"]
    assert chosen(options.inputs, NOTEBOOK) == {"μ": 1.5, "df": [1]}
    assert options.outputs == ["fit"]
    assert options.variable == "\N{GREEK SMALL LETTER MU}"
    check_names("\N{MICRO SIGN} + 1\nﬁt = 1", options.inputs, options.outputs, NOTEBOOK)
    with pytest.raises(UsageError, match="'class' is not a variable's name"):
        cell_parser().read("--as class")
