"""The command line as a whole: its help, its errors, and how quick it is."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import _version
from jobs_jupyter.cli import jobs
from jobs_jupyter.cli.parser import STATES
from jobs_jupyter.models.job import JobSortField, JobSortOrder, JobState
from tests.cli.conftest import Call
from tests.cli.program import PROGRAM, cli
from tests.jobs import python

VERBS = (
    *("submit", "status", "list", "logs", "wait", "terminate", "archive", "delete", "tags"),
    *("queues", "compute-configs"),
    *("serve", "service", "gc", "backup", "restore", "config", "doctor", "completion"),
)
HELP_S = 0.2


def test_it_is_a_command_of_jupyter(home: Path) -> None:
    done = subprocess.run(
        [str(Path(PROGRAM).with_name("jupyter")), "jobs", "--version"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == _version.__version__


def test_every_verb_has_help(home: Path, call: Call) -> None:
    top = call("--help").out
    for verb in VERBS:
        assert f"\n    {verb}" in top
        done = call(verb, "--help")
        assert done.code == 0
        assert f"usage: jupyter jobs {verb}" in done.out
    assert not home.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "required: COMMAND"),
        ("qqq", "there is no 'qqq'; use one of submit, "),
        ("statsu x", "did you mean status?"),
        ("status", "required: NAME"),
        ("status a b", "'b' is one word too many"),
        ("status a --jsn", "did you mean --json?"),
        ("service", "required: ACTION"),
        ("service strat", "did you mean start?"),
        ("service logs -n -1", "'-1' is not a whole number"),
        ("serve --port x", "invalid int value"),
        ("list --state faild", "did you mean FAILED?"),
        ("list --sort nam", "did you mean NAME?"),
        ("list --order up", "use one of ASC, DESC"),
        ("list --max 0", "0 would show nothing"),
        ("list --tag team", "'team' is not KEY=VALUE"),
        ("logs a -n x", "'x' is not a whole number"),
        ("logs a -f --json", "exclude each other"),
        ("logs a -f --head", "exclude each other"),
        ("wait a -f --json", "exclude each other"),
        ("wait a --timeout 5x", "write 90s, 15m or 2h"),
        ("wait a --state done", "there is no 'DONE'"),
        ("tags", "required: ACTION"),
        ("tags add a", "required: KEY=VALUE"),
        ("tags add a b", "'b' is not KEY=VALUE"),
        ("submit --memory lots -- true", "'lots' must be a number of bytes"),
        ("submit --memory 8 -- true", "'8' is less than 1Mi"),
        ("submit --cpus 0 -- true", "0 is too few"),
        ("submit --gpus 1 --compute big -- true", "--compute big says what the job runs on"),
        ("submit --compute big:x -- true", "compute_config: must be a compute config's name"),
        ("submit --priority 3 -- true", "name one with --queue"),
        ("queues", "required: ACTION"),
        ("queues stat", "did you mean status?"),
        ("queues status", "required: NAME"),
        ("queues update line", "Say what to change: --max-concurrency or --idle-timeout"),
        ("queues update line --max-concurrency 0", "0 is too few"),
        ("queues update line --idle-timeout soon", "write 90s, 15m or 2h"),
        ("compute-configs", "required: ACTION"),
        ("compute-configs create", "required: -f/--file"),
        ("compute-configs get big:0", "must be a compute config's name"),
        ("compute-configs archive big:1", "must be a name without a version: big"),
        ("completion qqq", "use one of bash, zsh, fish"),
        ("submit", "Say what to run"),
        ("submit python train.py", "the command goes after --"),
        ("submit --retries x -- true", "not a whole number"),
        ("submit -e NO_SUCH_VARIABLE -- true", "write -e NO_SUCH_VARIABLE=VALUE"),
    ],
)
def test_wrong_usage_is_one_line(home: Path, refused: Callable[..., str], line: str, said: str) -> None:
    assert said in refused(*line.split())
    assert not home.exists(), "nothing was started"


def test_an_empty_name_is_wrong_usage(home: Path, refused: Callable[..., str]) -> None:
    assert "a name is not empty" in refused("status", "")
    assert "a name is not empty" in refused("status", "train", "-p", "")


def test_bytes_that_are_no_text(home: Path) -> None:
    done = subprocess.run([PROGRAM, "status", b"\xff"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not valid text" in done.stderr


def test_choices_are_those_of_the_models() -> None:
    assert set(STATES) == set(JobState) - {JobState.UNKNOWN}
    assert tuple(JobSortField) == jobs.SORTS
    assert tuple(JobSortOrder) == jobs.ORDERS


def test_help_is_quick_and_imports_nothing_heavy(home: Path) -> None:
    done = python(
        "import sys\nfrom jobs_jupyter.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(sorted({'httpx', 'pydantic', 'rich', 'argcomplete'} & set(sys.modules)))"
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    took = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        cli("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(took) < HELP_S, "of processor time, which other processes don't lengthen"


def test_a_reader_that_has_had_enough(home: Path) -> None:
    program = f"{sys.executable} -m jobs_jupyter.cli"
    done = subprocess.run(
        ["bash", "-c", f"{program} doctor | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() in ("0", "141")
