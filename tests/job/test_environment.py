"""What a run sees: variables, interpreter, shell, directory."""

from __future__ import annotations

import json
import os
import pprint
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.cli.jobs import plain
from jobs_jupyter.client.http import client
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.errors import UnsupportedError
from tests.jobs import MORTAL, ended, eventually, output, python, running, submit

SECRET = "not-for-the-disk-0815"
KERNELS = {
    "JPY_PARENT_PID": "1",
    "JPY_SESSION_NAME": "notebook.ipynb",
    "JPY_INTERRUPT_EVENT": "4",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "JOBS_JUPYTER_JOB_ID": "of an outer job",
    "JOBS_JUPYTER_RUN_NAME": "of an outer run",
}
DUMP = "python -c 'import json, os; print(json.dumps(dict(os.environ)))'"


def variables(**fields: object) -> dict[str, str]:
    return dict(json.loads(output(DUMP, **fields)))


def test_the_submitting_process_at_submit_time(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.endpoint.is_local  # starts the service, before:
    monkeypatch.setenv("SET_LATE", "größe 🎈\nsecond line")
    monkeypatch.setenv("OVERRIDDEN", "outer")
    monkeypatch.delenv("LANG", raising=False)
    for name, value in KERNELS.items():
        monkeypatch.setenv(name, value)
    seen = variables(name="my name", env_vars={"OVERRIDDEN": "inner", "EMPTY": "", "JPY_OWN": "mine"})
    assert seen["SET_LATE"] == "größe 🎈\nsecond line"
    assert "LANG" not in seen
    assert (seen["OVERRIDDEN"], seen["EMPTY"], seen["JPY_OWN"]) == ("inner", "", "mine")
    assert not seen.keys() & {name for name in KERNELS if not name.startswith("JOBS_JUPYTER_")}

    status = job.status(name="my name")
    assert seen["JOBS_JUPYTER_JOB_ID"] == status.id
    assert seen["JOBS_JUPYTER_JOB_NAME"] == "my name"
    assert seen["JOBS_JUPYTER_RUN_NAME"] == status.runs[0].name
    assert seen["JOBS_JUPYTER_RUN_ATTEMPT"] == "1"

    left_out = {*KERNELS, "PATH", "PWD", "OLDPWD", "SHLVL", "_", "OVERRIDDEN"}
    expected = {name: value for name, value in os.environ.items() if name not in left_out}
    assert expected.items() <= seen.items()


def test_later_changes_of_the_submitting_process_change_nothing(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALUE", "first")
    job_id = submit('echo "$VALUE"; exit 1', max_retries=1)
    monkeypatch.setenv("VALUE", "second")
    runs = ended(job_id).runs
    assert [job.get_logs(id=job_id, run=each.name) for each in runs] == ["first\n", "first\n"]


def test_to_a_service_elsewhere_only_the_config_is_sent(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_HOST", "127.0.0.1")
    (url,) = client.json("GET", "/v1/service")["urls"]
    with monkeypatch.context() as patch:
        patch.setenv("JOBS_JUPYTER_TARGET", url)
        patch.setenv("JOBS_JUPYTER_TOKEN", (service / "token").read_text())
        patch.setenv("OF_MINE_ALONE", "secret")
        seen = variables(env_vars={"OF_THE_CONFIG": "sent"})
    client.reconnect()
    assert "OF_MINE_ALONE" not in seen
    assert seen["OF_THE_CONFIG"] == "sent"


def test_a_matplotlib_backend_of_ones_own_stays(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "svg")
    assert variables()["MPLBACKEND"] == "svg"


def test_python_is_not_buffered_unless_asked_for(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    echo = 'echo "[$PYTHONUNBUFFERED]"'
    assert output(echo) == "[1]\n"
    assert output(echo, env_vars={"PYTHONUNBUFFERED": ""}) == "[]\n"
    monkeypatch.setenv("PYTHONUNBUFFERED", "")
    assert output(echo) == "[]\n"


def test_python_is_the_submitting_interpreter(service: Path) -> None:
    show = "python -c 'import sys; print(sys.executable, sys.prefix)'"
    assert output(show) == f"{sys.executable} {sys.prefix}\n"
    # first on whatever PATH is set
    path = "/usr/bin:/bin"
    assert output(show, env_vars={"PATH": path}) == f"{sys.executable} {sys.prefix}\n"
    assert output("echo $PATH", env_vars={"PATH": path}).strip().endswith(f":{path}")


def test_python_of_a_virtual_environment_that_has_only_a_python3(service: Path, tmp_path: Path) -> None:
    venv = tmp_path / "it's a venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "bin" / "python").unlink()
    shutil.copy(venv / "bin" / "python3", venv / "bin" / "python4")
    (venv / "bin" / "python3").unlink()
    (venv / "bin" / "python4").rename(venv / "bin" / "python3")
    code = (
        "from tests.jobs import output\n"
        "print(output('python -c \"import sys; print(sys.prefix)\"; python3 -c \"print(3)\"'), end='')\n"
    )
    found = subprocess.run(
        [venv / "bin" / "python3", "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["", str(Path(__file__).parents[2]), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == f"{venv}\n3\n", found.stderr


def test_the_entrypoint_is_a_shells(service: Path) -> None:
    assert output('x=1; echo $x | cat && (exit 0); echo "$0"') == "1\nsh\n"
    assert output("cat; echo no input") == "no input\n"
    assert output("tty || true") == "not a tty\n"


FUNCTION = '() {  echo "loads $1"\n}'
ODD = {"BASH_FUNC_module%%": FUNCTION, "BASH_FUNC_conda-load%%": FUNCTION, "a.b": "dots", "A-B": "dash",
       "größe": "umlaut", "1A": "digit", "with space": "x"}  # fmt: skip
"""Variables that dash does not hand on."""


@pytest.mark.parametrize(
    "entrypoint",
    ["python dump.py", "./dump.py", f"true; {DUMP}", f"bash -c {shlex.quote(DUMP)}",
     "nice -n 1 python ./dump.py", f"bash -lc {shlex.quote(DUMP)}"],
)  # fmt: skip
def test_variables_that_not_every_shell_hands_on(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entrypoint: str
) -> None:
    monkeypatch.setenv("PWD", "/elsewhere")
    for name, value in ODD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UNDECODABLE", os.fsdecode(b"\xff\n"))
    code = "#!/usr/bin/env python\nimport json, os\nprint(json.dumps(dict(os.environ)))\n"
    (tmp_path / "dump.py").write_text(code)
    (tmp_path / "dump.py").chmod(0o755)
    log = output(entrypoint, working_dir=str(tmp_path), env_vars={"own.name": "mine"})
    seen = json.loads(log.splitlines()[-1])
    assert ODD.items() <= seen.items()
    assert seen["own.name"] == "mine"
    assert seen["UNDECODABLE"] == os.fsdecode(b"\xff\n")
    assert seen["PWD"].endswith("/work")


def test_functions_that_bash_exports(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ODD.items():
        monkeypatch.setenv(name, value)
    assert output("bash -c 'module numpy; conda-load it'") == "loads numpy\nloads it\n"
    assert output("module numpy && echo $0") == "loads numpy\nsh\n"
    code = "import subprocess; subprocess.run(['bash', '-c', 'module x'])"
    assert output(f"python -c {shlex.quote(code)}") == "loads x\n"


def test_a_python_with_arguments_hands_them_on(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ODD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("BASH_ENV", "/dev/stderr")
    assert ODD.items() <= variables(py_executable="python -X dev").items()


def test_a_variable_without_a_name_stops_nothing(service: Path) -> None:
    code = (
        "import ctypes, os, sys\n"
        "names = [b'=nameless', *(os.fsencode(f'{k}={v}') for k, v in os.environ.items()), None]\n"
        "words = [os.fsencode(sys.executable), b'-c', sys.argv[1].encode(), None]\n"
        "listed = lambda items: (ctypes.c_char_p * len(items))(*items)\n"
        "ctypes.CDLL(None).execve(words[0], listed(words), listed(names))\n"
    )
    inner = "import os; assert '' in os.environ\nfrom tests.jobs import output; print(output('echo runs'))"
    done = subprocess.run(
        [sys.executable, "-c", code, inner],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "runs\n\n", done.stderr


def test_the_directory_is_fresh_writable_and_empty(service: Path) -> None:
    check = 'test -z "$(ls -A)" && echo text > file && cat file && pwd'
    first, second = output(check).split(), output(check).split()
    assert first[0] == second[0] == "text"
    assert first[1] != second[1]
    for _, place in (first, second):
        assert Path(place).is_relative_to(service / "jobs")


def test_it_is_kept_for_the_job_alone_and_until_its_end(
    service: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", SECRET)
    job_id = running(submit("test $PASSWORD; sleep 600"))
    kept = service / "jobs" / job_id / "environment.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert files_with(SECRET, service) == [kept]
    assert SECRET not in repr(job.status(id=job_id).to_dict())
    with client.stream("/v1/events", query={"after": 0, "wait_s": 0.1}) as answer:
        assert SECRET.encode() not in answer.read()
    job.terminate(id=job_id)
    ended(job_id)
    assert files_with(SECRET, service) == []


def test_the_mask_is_refused_in_the_place_of_a_value(service: Path) -> None:
    """A config that was copied from where values are not shown would run with stars."""
    sent = JobConfig(entrypoint="true", env_vars={"PLAIN": "a", "PASSWORD": SECRET})
    status = job.status(id=job.submit(sent))
    assert status.config.env_vars == sent.env_vars
    for shown in (repr(status), str(status), repr(sent), repr(job.list()), pprint.pformat(status)):
        assert SECRET not in shown
    assert "PASSWORD" in repr(status)
    for text in ("***", plain(status)["config"]["env_vars"]["PASSWORD"]):
        with pytest.raises(ValueError, match=r"\*\*\* in the place of the value of PASSWORD"):
            job.submit(sent.options(env_vars={"PLAIN": "a", "PASSWORD": text}))
    assert output("echo $STARS", env_vars={"STARS": "****"}) == "****\n", "what is not the mask is a value"


def files_with(text: str, root: Path) -> list[Path]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]


def test_an_interpreter_that_is_gone_is_the_reason(service: Path, tmp_path: Path) -> None:
    """Between the submit and the run; the build log's run reads FAILED."""
    config = {"entrypoint": "python --version"}
    origin = {"environment": dict(os.environ), "interpreter": str(tmp_path / "gone" / "python")}
    status = ended(client.json("POST", "/v1/jobs", body={"config": config, "origin": origin})["id"])
    assert status.state == "FAILED"
    assert status.reason is not None
    assert str(tmp_path / "gone") in status.reason
    assert [each.state for each in status.runs] == ["FAILED"]


def test_a_service_of_an_ordinary_user(home: Path) -> None:
    done = python(
        "from tests.jobs import output\n"
        "from jobs_jupyter.client import service\n"
        "print(output('mkdir a; echo text > a/b; cat a/b'), end='')\n"
        "service.stop()\n",
        prefix=MORTAL,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout == "text\n", done.stderr


def test_jobs_of_one_environment_share_a_file_until_each_has_ended(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "go"
    wait = f"while [ ! -e {flag} ]; do sleep 0.05; done; echo $SECRET"
    monkeypatch.setenv("SECRET", SECRET)
    first, second = submit("true"), submit(wait)
    ended(first)
    third = submit(wait)
    monkeypatch.setenv("SECRET", "another")
    fourth = submit(wait)
    files = {job_id: (service / "jobs" / job_id / "environment.json") for job_id in (second, third, fourth)}
    assert files[second].samefile(files[third])
    assert not files[third].samefile(files[fourth])
    assert not (service / "jobs" / first / "environment.json").exists()
    flag.touch()
    said = [job.get_logs(id=ended(each).id) for each in files]
    assert said == [f"{SECRET}\n", f"{SECRET}\n", "another\n"]
    eventually(lambda: not any(file.exists() for file in files.values()))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("JOBS_JUPYTER_JOB_ID", "env_vars sets JOBS_JUPYTER_JOB_ID, which says.*another name"),
        ("JOBS_JUPYTER_QUEUE_DIR", "env_vars sets JOBS_JUPYTER_QUEUE_DIR"),
    ],
)
def test_variables_that_would_be_lost_are_refused(service: Path, name: str, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        submit("true", env_vars={name: "x"})
    assert list(job.list()) == []
