"""`%%job` and `%job` in a real kernel, as a user types them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs_jupyter import connection, job, job_queue
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec
from tests.engine import Engine
from tests.notebook.conftest import Kernel
from tests.wheels import wheel

pytestmark = pytest.mark.notebook
SEALED = JobQueueConfig(job_queue_spec=JobQueueSpec(name="sealed", idle_timeout_s=5))


def test_a_cell_becomes_a_job(kernel: Kernel) -> None:
    kernel("x = [1, 2, 3]\nscale = 10")
    shown = kernel("%%job sums -i x,scale -o total,double -t team=a -e GREETING=hello --as handle\n"
                   "import os\nprint(os.environ['GREETING'], len(x))\ntotal = sum(x) * scale\n"
                   "def double(n): return n * 2\ntotal + 1")  # fmt: skip
    assert re.fullmatch(r"<Job sums prodjob_\w{26}>", shown.data["text/plain"])
    assert "sums" in shown.data["text/html"]
    result = kernel("result = handle.result()\nresult.total, result.double(4)")
    assert result.data["text/plain"] == "(60, 8)"
    assert kernel("%job logs sums").text == "hello 3\n61\n"
    assert kernel("handle.tags, handle.name, handle.state.value, len(handle.runs)").data["text/plain"] == (
        "({'team': 'a'}, 'sums', 'SUCCEEDED', 1)"
    )
    assert kernel("%job status sums").text.startswith("SUCCEEDED  sums  run 1 of 1")
    assert "sums" in kernel("%job list").data["text/html"]
    assert (
        kernel("handle.done(), handle.running(), handle.cancelled()").data["text/plain"]
        == "(True, False, False)"
    )


def test_a_handle_is_awaited_and_found_again(kernel: Kernel) -> None:
    kernel("%%job waits -o n\nimport time\ntime.sleep(0.3)\nn = 7")
    shown = kernel("import asyncio\nticks = 0\nasync def tick():\n    global ticks\n    while True:\n"
                   "        ticks += 1\n        await asyncio.sleep(0.01)\n"
                   "background = asyncio.ensure_future(tick())\n"
                   "import jobs_jupyter\nvalue = await jobs_jupyter.get('waits')\nbackground.cancel()\n"
                   "value.n, ticks > 3")  # fmt: skip
    assert shown.error == ""
    assert shown.data["text/plain"] == "(7, True)"
    kernel("import threading\nended = threading.Event()")
    kernel("jobs_jupyter.get('waits').add_done_callback(lambda job: ended.set())")
    shown = kernel("ended.wait(5)")
    assert shown.data["text/plain"] == "True"


def test_waiting_prints_the_log(kernel: Kernel) -> None:
    shown = kernel("%%job loud --wait\nprint('first')\nimport sys\nprint('second', file=sys.stderr)")
    assert re.search(r"run 1 of 1\s+first\nsecond\n", shown.text)
    assert shown.error == ""


def test_a_failed_cell_says_where(kernel: Kernel) -> None:
    shown = kernel("%%job fails --wait\nvalues = {}\n\nvalues['user_id']")
    assert shown.error == "fails FAILED: KeyError: 'user_id' (cell line 4)"
    status = job.status(name="fails")
    assert kernel("%job status fails").text.startswith(
        "FAILED  fails  run 1 of 1  KeyError: 'user_id' (cell line 4)  "
    )
    assert status.error is not None
    assert (status.error.type, status.error.message, status.error.line) == ("KeyError", "'user_id'", 4)
    assert "KeyError" in job.get_logs(name="fails")
    assert len(status.runs) == 1


def test_stop_and_retries(kernel: Kernel) -> None:
    kernel("%%job long\nimport time\ntime.sleep(600)")
    job.wait(name="long", state="RUNNING")
    assert kernel("%job stop long").text == "Stopping long.\n"
    job.wait(name="long", state="TERMINATED", timeout_s=20)
    assert kernel("%job stop long").text == "long has ended already: TERMINATED.\n"
    kernel("%%job again --retries 1\nimport os\nassert os.environ['JOBS_JUPYTER_RUN_ATTEMPT'] == '2'")
    job.wait(name="again", timeout_s=30)
    assert [str(run.state) for run in job.status(name="again").runs] == ["FAILED", "SUCCEEDED"]


def test_the_directory_is_a_snapshot(kernel: Kernel, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (here / "neighbour.py").write_text("value = 1")
    (here / "big.bin").write_bytes(b"x" * 1000)
    (here / ".gitignore").write_text("ignored.txt\n")
    (here / "ignored.txt").write_text("x")
    shown = kernel(
        "%%job looks -x *.bin --wait\nimport os\nprint(sorted(os.listdir()))\n"
        "import neighbour\nprint(neighbour.value)"
    )
    assert "['.gitignore', '.jobs_jupyter', 'neighbour.py']\n1\n" in shown.text
    assert "['.jobs_jupyter']" in kernel("%%job -w none --wait\nimport os\nprint(os.listdir())").text


WRONG = [
        ("%%job --retrys 3\n1", "no option --retrys; did you mean --retries? %%job? shows the options."),
        ("%%job --timeout soon\n1", "'soon' is not a duration; write 90s, 15m, 2h or 1h30m"),
        ("%%job --retries -1\n1", "%%job: "),
        ("%%job a b\n1", "'b' is one word too many"),
        ("%%job 'a\n1", "the line can't be split into words (no closing quotation)"),
        ("%%job\n   \n", "the cell is empty"),
        ("%%job\nprint(undefined_name)", "uses 'undefined_name', which neither it nor the notebook defines"),
        ("%%job\nprint(known)", "but only the notebook has it; pass it with -i known."),
        ("%%job\njson_.dumps(1)", "write `import json as json_` in the cell"),
        ("%%job -i knwon\nprint(1)", "the notebook has no variable 'knwon'; did you mean known?"),
        ("%%job -i opn\nprint(1)", "no variable 'opn'; run the cell that makes it first."),
        ("%%job -i lock\nprint(lock)", "The variable 'lock' (a _thread.lock) cannot be given to the job"),
        ("%%job -o model\nmodle = 1", "the cell does not assign 'model'; did you mean modle?"),
        ("%%job\nif True print(1)", "Syntax error in cell line "),
        ("%%job -w nowhere\n1", "There is no directory 'nowhere'"),
        ("%%job -w s3://bucket/x\n1", "-w s3://bucket/x: a cell is packaged together with its directory"),
        ("%%job -e NOT_SET_ANYWHERE\n1", "the kernel's environment has no variable 'NOT_SET_ANYWHERE'"),
        ("%%job -t team\n1", "'team' is not KEY=VALUE"),
        ("%%job -t 'te am=x'\n1", "The tag key 'te am' is not valid"),
        ("%job stop nobody", "There is no job named 'nobody' in the project 'default'"),
        ("%job stauts x", "%job: there is no 'stauts'; did you mean status?"),
        ("%job", "%job: say what to do: show, status, logs, wait, stop, list."),
        ("%%job -w none -x a.txt\n1", "--exclude leaves paths out of a directory, and -w none has none"),
        ("%job list --state RUNING", "'RUNING' is unknown; did you mean RUNNING?"),
        ("%%job -q ''\n1", "argument -q/--queue: a name is not empty"),
        ("%%job ''\n1", "argument NAME: a name is not empty"),
        ("%job list --state DONE", "'DONE' is unknown; use one of"),
        ("%job logs", "the following arguments are required: NAME"),
]  # fmt: skip


def test_wrong_input_is_one_red_line(kernel: Kernel, tmp_path: Path) -> None:
    kernel("import threading, json as json_\nknown, lock = 1, threading.Lock()")
    for cell, said in WRONG:
        shown = kernel(cell)
        assert said in shown.error
        assert shown.error.count("\n") == 0
    assert list(job.list()) == []


def test_a_directory_over_the_limit_names_its_biggest_paths(kernel: Kernel, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"here/data{number}.bin").write_bytes(b"x" * 1000 * (number + 1))
    kernel("import os\nos.environ['JOBS_JUPYTER_MAX_PACKAGE_BYTES'] = '10000'")
    error = kernel("%%job\n1").error
    assert [f"data{number}.bin" in error for number in range(6)] == [False, True, True, True, True, True]
    assert "-x" in error
    assert error.count("\n") == 0
    assert list(job.list()) == []


def test_a_service_that_cannot_start_says_why(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kernel(f"import os\nos.environ['JOBS_JUPYTER_HOME'] = '{tmp_path}/file/home'")
    error = kernel("%%job\n1").error
    assert error.startswith(f"The jobs service could not start in {tmp_path}/file/home: ")
    assert error.endswith("Set JOBS_JUPYTER_HOME to a directory that you can write to.")
    assert error.count("\n") == 0


def test_help_lists_the_options(kernel: Kernel) -> None:
    shown = kernel(
        "from IPython import get_ipython\nprint(get_ipython().find_cell_magic('job').__doc__)"
    ).text
    for option in (
        "--in",
        "--out",
        "--working-dir",
        "--exclude",
        "--env",
        "--tag",
        "--retries",
        "--timeout",
        "--wait",
    ):
        assert option in shown


def test_a_queue_by_name(kernel: Kernel) -> None:
    for name in ("first", "second"):
        shown = kernel(
            f"%%job {name} -w none -q line --priority 3 --memory 64Mi\nimport time\ntime.sleep(0.3)"
        )
        assert shown.error == ""
        assert "Priority 3 has no effect: the queue 'line' is FIFO" in shown.text
    assert "queued: 1st in line" in kernel("%job status second").text
    job.wait(name="second", timeout_s=30)
    assert [queue.name for queue in job_queue.list()] == ["line"]
    asked = job.status(name="second").config.to_dict(exclude_unset=True)["compute_config"]
    assert asked == {"min_resources": {"memory": 2**26}}
    assert "--compute big says" in kernel("%%job --compute big --cpus 1\n1").error
    assert "name one with --queue" in kernel("%%job --priority 3\n1").error


def test_a_cell_is_refused_before_anything_is_sent(kernel: Kernel, service: Path) -> None:
    job.wait(id=job.submit(JobConfig(entrypoint="true", job_queue_config=SEALED)))
    job_queue.archive(name="sealed")
    for options, said in (
        ("--compute big", "There is no compute config 'big'"),
        ("--cpus 4096", "CPU=4096, where jobs have"),
        ("-q sealed", "'sealed' is archived and takes no more jobs"),
        ("-q new --compute big", "There is no compute config 'big'"),
    ):
        assert said in kernel(f"%%job {options}\n1").error
    assert not list(service.glob("packages/*/*"))
    assert [queue.name for queue in job_queue.list(include_archived=True)] == ["sealed"]


def test_braces_and_dollars_are_left_alone(kernel: Kernel) -> None:
    kernel("name = 'changed'")
    shown = kernel("%%job -t a={name} -t b=$name --wait --as it\n1")
    assert shown.error == ""
    assert kernel("it.tags").data["text/plain"] == "{'a': '{name}', 'b': '$name'}"


def test_a_cell_with_its_own_requirements_and_python(kernel: Kernel, tmp_path: Path) -> None:
    here = tmp_path / "here"
    wheel(here / "wheels", "extra-one", "1.5")
    (here / "reqs.txt").write_text("--no-index\n--find-links wheels\nextra-one\n")
    (here / "own").mkdir()
    (here / "own" / "__init__.py").write_text("NAME = 'own'\n")
    kernel(f"import os\nos.environ['UV_CACHE_DIR'] = {str(tmp_path / 'cache')!r}")
    options = "-r reqs.txt --py-module own --py-executable 'python -O' -w none"
    shown = kernel(f"%%job with-more -o found {options} --wait\n"
                   "import sys, extra_one, own\n"
                   "found = extra_one.VERSION, own.NAME, sys.flags.optimize")  # fmt: skip
    assert shown.error == ""
    assert "Making an environment" not in shown.text
    setup = kernel("import jobs_jupyter\nprint(jobs_jupyter.get('with-more').logs(setup=True))").text
    assert "Making an environment with requirements.txt" in setup
    result = kernel("import jobs_jupyter\njobs_jupyter.get('with-more').result().found")
    assert result.data["text/plain"] == "('1.5', 'own', 1)"
    assert "names the file" in kernel("%%job -r none.txt\n1").error
    assert "the list has 'a.txt', and there is no file" in kernel("%%job -r a.txt -r b\n1").error
    assert "py_executable='/nowhere'" in kernel("%%job --py-executable /nowhere\n1").error


def test_a_cell_with_a_connection(kernel: Kernel, service: Path) -> None:
    """Its value is in no output of the notebook, and a cell that prints it shows that there is one."""
    connection.add("lake", {"host": "https://lake.example.com", "token": "dapi-0123456789"})
    shown = kernel("%%job --connection lake --wait\nimport os\nprint('with', os.environ['DATABRICKS_TOKEN'])")
    assert shown.error == ""
    assert f"with {'*' * 15}\n" in shown.text
    failed = kernel(
        "%%job --connection lake --wait\nimport os\nraise KeyError(os.environ['DATABRICKS_TOKEN'])"
    )
    assert "*" * 15 in f"{failed.error}{failed.text}"
    assert "dapi-0123456789" not in repr((shown, failed))
    assert "There is no connection 'bot'; the connections: lake." in kernel("%%job --connection bot\n1").error
    two = kernel("%%job --connection lake --connection bot\n1").error
    assert "--connection lake and bot: a job has one of a type; give one" in two


def test_a_cell_in_an_image(podman: Engine, kernel: Kernel, tmp_path: Path) -> None:
    podman.make_python("localhost/jj-python:1")
    kernel("x = [1, 2, 3]")
    kernel("%%job boxed --image localhost/jj-python:1 -w none -i x -o total --wait --as handle\n"
           "import os\ntotal = sum(x)\nprint(os.path.exists('/usr/share'))")  # fmt: skip
    assert kernel("handle.logs()").data["text/plain"].endswith("False\\n'")
    assert kernel("handle.result().total").data["text/plain"] == "6"
    (tmp_path / "Containerfile").write_text("FROM localhost/jj-python:1\nRUN echo made > /made\n")
    kernel(
        f"%%job built --containerfile {tmp_path}/Containerfile -w none --wait\nprint(open('/made').read())"
    )
    assert kernel("%job logs built").text.endswith("made\n\n")
    for image in podman.output("images", "--quiet", "localhost/jobs-jupyter").split():
        podman.output("rmi", "--force", image)
    podman.output("rmi", "--force", "localhost/jj-python:1")
