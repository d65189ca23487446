"""What the README says of options and functions is what there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from jobs_jupyter import compute_config, job, job_queue
from jobs_jupyter.notebook.options import cell_parser, line_parsers
from tests.jobs import ended

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_every_option_of_a_cell_is_in_the_table() -> None:
    table = re.findall(r"^\| (`[^|]*`) \|", README, re.MULTILINE)
    shown = {option for cell in table for option in re.findall(r"(?<!\S)--?[a-z-]+", cell.replace("`", " "))}
    there = {option for action in cell_parser()._actions for option in action.option_strings}
    assert shown == there


def test_every_verb_is_named() -> None:
    assert all(re.search(rf"\b{verb}\b", README) for verb in line_parsers())


@pytest.mark.parametrize("module", [job, job_queue, compute_config])
def test_every_function_is_named(module: ModuleType) -> None:
    functions = [name for name in module.__all__ if inspect.isfunction(getattr(module, name))]
    assert functions
    assert [name for name in functions if f"`{name}`" not in README] == []


def test_the_example_of_a_queue_runs_on_any_machine(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "JobQueueSpec" in block
    )
    exec(example, {})
    (status,) = job.list()
    assert ended(status.id).state == "SUCCEEDED"
    assert capsys.readouterr().out.strip() in ("0", "1"), "how many are active: it may have ended by then"
