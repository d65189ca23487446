"""What a cell prints is in the log, in order, whatever becomes of its process."""

from __future__ import annotations

import signal

import pytest

from tests.packaging.cell_runner.runs import Run


def test_both_streams_keep_their_order_with_programs_between(run: Run) -> None:
    source = (
        "import os, subprocess, sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n"
        "subprocess.run(['echo', 'd'])\nprint('e')\nos.system('echo f')\nprint('g', end='')"
    )
    assert run(source) == (0, "a\nb\nc\nd\ne\nf\ng")


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


@pytest.mark.parametrize(
    "death",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.abort()",
        "ctypes.string_at(0)",
        "os._exit(3)",
        "os.execv('/bin/true', ['true'])",
    ],
)
def test_each_line_outlives_the_process(run: Run, death: str) -> None:
    source = (
        "import ctypes, os, signal, sys\n"
        "for i in range(500): print(i, file=sys.stderr if i % 3 == 0 else sys.stdout)\n"
        f"{death}"
    )
    _, text = run(source)
    assert text == "".join(f"{i}\n" for i in range(500))


def test_what_goes_around_the_streams_comes_in_order(run: Run) -> None:
    source = (
        "import os, sys\nfor i in range(100):\n    print(i)\n    os.write(1, b'raw\\n')\n"
        "    sys.stdout.buffer.write(b'bytes\\n')\n    sys.stdout.flush()"
    )
    assert run(source) == (0, "".join(f"{i}\nraw\nbytes\n" for i in range(100)))


def test_parts_of_lines_keep_their_order_between_the_streams(run: Run) -> None:
    source = (
        "import sys\nfor i in range(100):\n    print('o', end='')\n    print('e', end='', file=sys.stderr)"
    )
    assert run(source) == (0, "oe" * 100)


@pytest.mark.parametrize("text", ["loading ...", "\r 5 %"])
def test_a_part_of_a_line_is_seen_at_once(run: Run, text: str) -> None:
    process = run.start(f"import time\nprint('first')\nprint({text!r}, end='')\ntime.sleep(600)")
    run.until("first\n" + text)
    process.kill()
    process.wait()


def test_a_forked_child_that_leaves_at_once_loses_nothing(run: Run) -> None:
    source = (
        "import os\nfor i in range(20):\n    print('parent', i)\n    pid = os.fork()\n"
        "    if pid == 0:\n        print('child', i)\n        os._exit(0)\n    os.waitpid(pid, 0)"
    )
    assert run(source) == (0, "".join(f"parent {i}\nchild {i}\n" for i in range(20)))


def test_lines_of_many_processes_stay_whole(run: Run) -> None:
    source = (
        "import os, time\nfor child in range(4):\n    if os.fork() == 0:\n        for i in range(300):\n"
        "            print(f'{child}:{i}')\n            if i % 30 == 0: time.sleep(0.06)\n"
        "        os._exit(0)\n"
        "for child in range(4): os.wait()"
    )
    status, text = run(source)
    assert status == 0
    assert sorted(text.splitlines()) == sorted(f"{child}:{i}" for child in range(4) for i in range(300))


def test_programs_that_are_run_by_the_shell(run_ipython: Run) -> None:
    status, text = run_ipython("for i in range(10):\n    print(i)\n    !echo of the shell")
    assert status == 0
    assert text.replace("\r", "") == "".join(f"{i}\nof the shell\n" for i in range(10))


def test_a_daemons_file_gets_no_byte_of_ours(run: Run) -> None:
    source = (
        "import os, signal\nos.closerange(3, 256)\nsignal.signal(signal.SIGUSR1, lambda *_: None)\n"
        "files = [open(f'own{i}', 'wb') for i in range(10)]\n"
        "for i in range(20): os.kill(os.getpid(), signal.SIGUSR1)\n"
        "for file in files: file.write(b'x'); file.close()\nprint('done')"
    )
    assert run(source) == (0, "done\n")
    assert {path.read_bytes() for path in run.root.glob("own*")} == {b"x"}


@pytest.mark.parametrize(
    "loss",
    [
        "import sys; sys.stderr = None",
        "import sys; sys.stderr.close()",
        "import io, sys; sys.stderr = io.StringIO(); sys.stderr.close()",
        "import sys; sys.stdout.close()",
        "import os; os.close(2)",
    ],
)
def test_an_exception_is_reported_without_the_programs_streams(run: Run, loss: str) -> None:
    assert run(f"{loss}\n1 / 0")[0] == 1
    assert run.error["type"] == "ZeroDivisionError"


def test_text_that_is_no_utf_8(run: Run) -> None:
    assert run(r"print('\udcff', 'ü', '\ud800')") == (0, "\\udcff ü \\ud800\n")


def test_the_streams_are_what_programs_expect(run: Run) -> None:
    source = (
        "import contextlib, faulthandler, io, sys\nfaulthandler.enable()\n"
        "with contextlib.redirect_stdout(io.StringIO()): print('hidden')\n"
        "sys.stdout.writelines(['a\\n', 'b\\n'])\nprint('c', file=sys.__stdout__)\n"
        "sys.stdout.reconfigure(errors='replace')\n"
        "print(sys.stdout.name, sys.stderr.name, sys.stdout.mode, sys.stdout.encoding, sys.stdout.fileno())"
    )
    assert run(source) == (0, "a\nb\nc\n<stdout> <stderr> w utf-8 1\n")
