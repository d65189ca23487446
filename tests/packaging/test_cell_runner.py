"""A cell as a program, run for real."""

from __future__ import annotations

import json
import os
import pickle
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter.packaging.cell import CELL_ENTRYPOINT, build_cell
from jobs_jupyter.packaging.variables import dump_all


class Run:
    """One run of a cell in a directory, its log in a file as in a job."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = root / "log"
        self.outputs = root / "outputs"

    def start(
        self, source: str, inputs: Mapping[str, object] | None = None, outputs: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        for path, content in build_cell(source, inputs=dump_all(inputs or {}), outputs=outputs).items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(content)
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "JOBS_JUPYTER_OUTPUT_DIR": str(self.outputs)}
        command = [sys.executable, *shlex.split(CELL_ENTRYPOINT)[1:]]
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self.root, stdout=log, stderr=log, env=environment)

    def __call__(self, source: str, **given: Any) -> tuple[int, str]:
        process = self.start(source, **given)
        return process.wait(60), self.text

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.outputs / "error.json").read_text())
        return found

    def result(self, name: str) -> Any:
        return pickle.loads((self.outputs / f"{name}.pickle").read_bytes())

    def until(self, text: str) -> None:
        limit = time.monotonic() + 20
        while text not in self.text:
            assert time.monotonic() < limit, self.text
            time.sleep(0.01)


@pytest.fixture(params=["ipython", "plain"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    if request.param == "plain":  # a neighbour that hides the real IPython
        (tmp_path / "IPython.py").write_text("raise ImportError")
    return Run(tmp_path)


def test_both_streams_keep_their_order_with_programs_between(run: Run) -> None:
    source = (
        "import os, subprocess, sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n"
        "subprocess.run(['echo', 'd'])\nprint('e')\nos.system('echo f')\nprint('g', end='')"
    )
    assert run(source) == (0, "a\nb\nc\nd\ne\nf\ng")


def test_variables_come_in_and_go_out(run: Run) -> None:
    status, text = run("y = [f(x) for x in xs]", inputs={"xs": [1, 2], "f": lambda x: x * 2}, outputs=["y"])
    assert (status, text) == (0, "")
    assert run.result("y") == [2, 4]
    about = json.loads((run.outputs / "outputs.json").read_text())
    assert about["variables"]["y"]["type"] == "list"


def test_the_last_expression_is_shown(run: Run) -> None:
    assert run("x = 5\nx + 1") == (0, "6\n")


@pytest.mark.parametrize("source", ["5;", "None", "x = 5", "", "# nothing"])
def test_what_shows_nothing(run: Run, source: str) -> None:
    assert run(source) == (0, "")


def test_top_level_await(run: Run) -> None:
    source = "import asyncio\nt = asyncio.create_task(asyncio.sleep(0, 7))\nawait t"
    assert run(source) == (0, "7\n")


def test_the_notebooks_surroundings(run: Run) -> None:
    (run.root / "helper.py").write_text("value = 3")
    source = (
        "import helper, os, sys\nprint(helper.value, __name__, sys.argv, os.listdir('.') and sys.path[0])"
    )
    assert run(source) == (0, f"3 __main__ ['cell.py'] {os.path.realpath(run.root)}\n")


def test_an_exception_points_to_the_cells_line(run: Run) -> None:
    status, text = run("def f(row):\n    return row['user_id']\n\nprint('before')\nf({})")
    assert status == 1
    assert text.startswith("before\nTraceback")
    plain = text.replace("\x1b[1;36m", "").replace("\x1b[1;31m", "").replace("\x1b[0m", "")
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


@pytest.mark.parametrize(
    ("source", "status", "text"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit()", 0, ""),
        ("import sys; sys.exit('bye')", 1, "bye\n"),
        ("exit()", 0, ""),
        ("import os; os._exit(4)", 4, ""),
    ],
)
def test_exits(run: Run, source: str, status: int, text: str) -> None:
    assert run(source) == (status, text)


def test_an_interrupt(run: Run) -> None:
    assert run("raise KeyboardInterrupt")[0] == 130


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("pass", "did not set 'y'"),
        ("import threading\ny = threading.Lock()", "'y' .*_thread.lock.* cannot be pickled"),
    ],
)
def test_a_result_that_cannot_come_back(run: Run, source: str, message: str) -> None:
    status, text = run(source, outputs=["y"])
    assert status == 1
    assert "Traceback" not in text
    assert not (run.outputs / "y.pickle").exists()
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(run.error["message"])


def test_an_input_that_cannot_be_loaded(run: Run) -> None:
    for path, content in build_cell("x", inputs={"x": b"cno_such_module.a\nA\n."}).items():
        (run.root / path).parent.mkdir(parents=True, exist_ok=True)
        (run.root / path).write_bytes(content)
    found = subprocess.run(
        [sys.executable, ".jobs_jupyter/run_cell.py"],
        cwd=run.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "needs the package 'no_such_module'" in found.stderr
    assert "Traceback" not in found.stderr


def test_another_python_is_said(run: Run) -> None:
    files = build_cell("x", inputs=dump_all({"x": 1}))
    about = {**json.loads(files[".jobs_jupyter/cell.json"]), "python": "2.7"}
    files[".jobs_jupyter/cell.json"] = json.dumps(about).encode()
    for path, content in files.items():
        (run.root / path).parent.mkdir(parents=True, exist_ok=True)
        (run.root / path).write_bytes(content)
    found = subprocess.run(
        [sys.executable, ".jobs_jupyter/run_cell.py"],
        cwd=run.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "run the job with Python 2.7" in found.stderr


def test_spawned_and_forked_processes(run: Run) -> None:
    source = (
        "import multiprocessing as m\nprint('once')\nfor kind in ('spawn', 'fork'):\n"
        "    with m.get_context(kind).Pool(1) as pool: print(pool.map(abs, [-1]))"
    )
    assert run(source) == (0, "once\n[1]\n[1]\n")


def test_lines_are_seen_while_the_cell_runs_and_sigterm_ends_it(run: Run) -> None:
    process = run.start("import time\nprint('hello')\ntime.sleep(60)")
    run.until("hello")
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM


def test_a_forked_child_flushes_too(run: Run) -> None:
    source = (
        "import os, time\nprint('parent')\npid = os.fork()\n"
        "if pid == 0:\n    print('child')\n    time.sleep(0.5)\n    os._exit(0)\nprint(os.waitpid(pid, 0)[1])"
    )
    assert run(source) == (0, "parent\nchild\n0\n")


def test_a_million_lines_are_all_there(run: Run) -> None:
    status, text = run("for i in range(1_000_000): print(i)")
    assert status == 0
    assert text == "".join(f"{i}\n" for i in range(1_000_000))


def test_ipython_where_there_is_one(tmp_path: Path) -> None:
    source = "%env JOBS_TEST=5\nx = !echo hi\ndisplay(x[0])\nget_ipython().__class__.__name__"
    status, text = Run(tmp_path)(source)
    assert status == 0
    assert text == "env: JOBS_TEST=5\n'hi'\n'InteractiveShell'\n"
