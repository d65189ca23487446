"""How a cell's job ends: with its results, or saying why not."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig, JobStatus
from jobs_jupyter.notebook.cell import submit_cell
from jobs_jupyter.notebook.handle import Job
from jobs_jupyter.notebook.options import cell_parser

FIGURE = "from IPython.display import SVG, HTML\ndisplay(SVG('<svg></svg>'))\n"


def ended(line: str, source: str) -> tuple[Job, JobStatus]:
    handle = submit_cell(cell_parser().read(f"-w none {line}"), source, {})
    with suppress(RuntimeError):
        handle.wait(60)
    return handle, handle.status()


@pytest.mark.parametrize("leaving", ["os._exit(0)", "os.execv('/bin/true', ['true'])"])
def test_a_cell_that_leaves_without_its_results_has_failed(service: Path, leaving: str) -> None:
    handle, status = ended("-o y,z", f"import os\ny = z = 1\n{leaving}")
    reason = "ended without its results (y, z): os._exit or exec came before they could be kept"
    assert (status.state, status.reason) == ("FAILED", reason)
    assert status.runs[0].exit_code == 0
    with pytest.raises(RuntimeError, match="ended without its results"):
        handle.result(60)


def test_it_is_tried_again_like_any_failure(service: Path) -> None:
    source = "import os\ny = int(os.environ['JOBS_JUPYTER_RUN_ATTEMPT'])\nif y == 1: os._exit(0)"
    handle, status = ended("-o y --retries 1", source)
    assert (status.state, len(status.runs)) == ("SUCCEEDED", 2)
    assert handle.result(60).y == 2


def test_without_promised_results_it_may_leave_as_it_likes(service: Path) -> None:
    assert ended("", "import os; os._exit(0)")[1].state == "SUCCEEDED"


def test_exit_codes_beyond_a_byte_are_failures(service: Path) -> None:
    _, status = ended("-o y", "import sys\ny = 1\nsys.exit(256)")
    assert (status.state, status.reason) == ("FAILED", "exit code 1")


def test_a_long_message_is_said(service: Path) -> None:
    _, status = ended("", "raise ValueError('x' * 2_000_000)")
    assert status.error is not None
    assert status.error.type == "ValueError"
    assert status.error.message.startswith("xxxx")
    assert status.error.line == 2


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (FIGURE, "1 figure was displayed; it is not kept yet."),
        (FIGURE * 2, "2 figures were displayed; they are not kept yet."),
        (
            f"{FIGURE}display(HTML('<table></table>'), HTML('<b>b</b>'), HTML('<i>i</i>'))",
            "1 figure, 1 table, 2 outputs were displayed; they are not kept yet.",
        ),
        ("print('text')", None),
    ],
)
def test_what_was_displayed_and_is_not_kept_is_said(service: Path, source: str, sentence: str | None) -> None:
    _, status = ended("", source)
    assert status.notices == ([sentence] if sentence else None)


def test_it_is_said_of_the_last_run(service: Path) -> None:
    source = f"import os\n{FIGURE}if os.environ['JOBS_JUPYTER_RUN_ATTEMPT'] == '1': 1 / 0\n{FIGURE}"
    _, status = ended("--retries 1", source)
    assert status.notices == ["2 figures were displayed; they are not kept yet."]


def test_a_job_cannot_say_it_in_its_own_words(service: Path) -> None:
    config = JobConfig(
        entrypoint='echo \'{"figure": "<script>", "table": -1, "output": 1e99, "x": 5}\' '
        "> $JOBS_JUPYTER_OUTPUT_DIR/displayed.json"
    )
    job_id = job.submit(config)
    job.wait(id=job_id, timeout_s=60)
    assert job.status(id=job_id).notices is None
