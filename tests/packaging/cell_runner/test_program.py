"""A cell as a program, run for real."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from jobs_jupyter.packaging.cell import build_cell
from jobs_jupyter.packaging.variables import dump_all
from tests.packaging.cell_runner.runs import Run


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


def test_spawned_and_forked_processes(run: Run) -> None:
    source = (
        "import multiprocessing as m\nprint('once')\nfor kind in ('spawn', 'fork'):\n"
        "    with m.get_context(kind).Pool(1) as pool: print(pool.map(abs, [-1]))"
    )
    assert run(source) == (0, "once\n[1]\n[1]\n")


def test_an_input_that_cannot_be_loaded(run: Run) -> None:
    assert run.start_files(build_cell("x", inputs={"x": b"cno_such_module.a\nA\n."})).wait(60) == 1
    assert "needs the package 'no_such_module'" in run.text
    assert "Traceback" not in run.text


def test_another_python_is_said(run: Run) -> None:
    files = build_cell("x", inputs=dump_all({"x": 1}))
    about = {**json.loads(files[".jobs_jupyter/cell.json"]), "python": "2.7"}
    files[".jobs_jupyter/cell.json"] = json.dumps(about).encode()
    assert run.start_files(files).wait(60) == 1
    assert "Run the job with Python 2.7." in run.text


@pytest.mark.parametrize(
    ("leaving", "status"),
    [("sys.exit(256)", 1), ("sys.exit(-1)", 255), ("sys.exit(True)", 1), ("sys.exit(0)", 0)],
)
def test_only_exit_code_0_gives_results_back(run: Run, leaving: str, status: int) -> None:
    assert run(f"import sys\ny = 1\n{leaving}", outputs=["y"]) == (status, "")
    assert ("variables" in run.results) is (status == 0)


@pytest.mark.parametrize(
    "leaving", ["os._exit(0)", "os.execv('/bin/true', ['true'])", "os.kill(os.getpid(), 9)"]
)
def test_results_that_do_not_come_are_missed(run: Run, leaving: str) -> None:
    run(f"import os\ny = 1\n{leaving}", outputs=["y"])
    assert run.results["promised"] == ["y"]
    assert "variables" not in run.results


@pytest.mark.parametrize(
    ("in_child", "status"), [("raise ValueError('child')", 1), ("sys.exit(7)", 7), ("y = 'of the child'", 0)]
)
def test_a_forked_child_is_not_the_job(run: Run, in_child: str, status: int) -> None:
    source = (
        "import os, sys\npid = os.fork()\nif pid == 0:\n    " + in_child + "\n"
        "else:\n    y = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])"
    )
    assert run(source, outputs=["y"])[0] == 0
    assert run.result("y") == status
    assert not (run.outputs / "error.json").exists()
    assert ("  cell line 4\n" in run.plain and "ValueError: child" in run.plain) is (status == 1)


FACTS = """
import json, os, signal, sys, threading, warnings
warnings.simplefilter("error")
facts = {
    "threads": [thread.name for thread in threading.enumerate()],
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
    "handlers": {str(number): str(signal.getsignal(number)) for number in signal.valid_signals()},
    "wakeup": signal.set_wakeup_fd(-1),
    "excepthook": sys.excepthook is sys.__excepthook__,
    "name": __name__,
}
if os.fork() == 0:
    os._exit(0)
os.wait()
print(json.dumps(facts))
"""


def test_the_process_is_as_the_program_alone_would_find_it(run: Run) -> None:
    code, text = run(FACTS)
    assert code == 0
    with run.log.open("ab") as log:
        subprocess.run([sys.executable, "-c", FACTS], stdout=log, stderr=log, check=True)
    alone = run.text.removeprefix(text)
    assert _without_addresses(text) == _without_addresses(alone)


def _without_addresses(facts: str) -> object:
    return json.loads(re.sub(" at 0x[0-9a-f]+", "", facts))


SHADOWED = ["IPython", "cloudpickle", "pexpect", "traitlets", *sorted(sys.stdlib_module_names)]


@pytest.mark.parametrize(
    "source",
    [
        "y = x",
        "y = 1\nx",
        "1 / 0",
        "x = = 1",
        "raise ExceptionGroup('a', [ValueError(1)])",
        "undefined_name",
        "try:\n    1 / 0\nexcept Exception as error:\n    raise ValueError from error",
        "async def f(): return x\ny = await f()",
    ],
)
def test_files_named_like_modules_are_left_alone(run: Run, source: str) -> None:
    _shadow(run)
    _, text = run(source, inputs={"x": 5}, outputs=["y"])
    assert "was executed" not in text


@pytest.mark.parametrize("source", ["%time y = 1", "%%time\ny = 1", "y = 1\n!true\n%env A=5\nlen?"])
def test_magics_leave_files_named_like_modules_alone(run_ipython: Run, source: str) -> None:
    _shadow(run_ipython)
    status, text = run_ipython(source, outputs=["y"])
    assert (status, "was executed" in text) == (0, False)


def _shadow(run: Run) -> None:
    for name in SHADOWED:
        (run.root / f"{name}.py").write_text(f"import os; os.write(1, b'{name} was executed')")
