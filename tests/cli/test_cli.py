"""The command line as a whole: its help, its errors, and how quick it is."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import _version
from jobs_jupyter.cli import SECTIONS, jobs
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
        assert f"\n  {verb} " in top
        done = call(verb, "--help")
        assert done.code == 0
        assert f"usage: jupyter jobs {verb}" in done.out
    assert not home.exists()


def test_every_command_is_in_a_section_of_the_help() -> None:
    named = [name for names in SECTIONS.values() for name in names]
    assert sorted(named) == sorted({*VERBS, "connection", "secret"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "required: COMMAND"),
        ("qqq", "there is no 'qqq'; use one of submit, "),
        ("statsu x", "did you mean status?"),
        ("--json list", "there is no option --json in front of the command; options go after it"),
        ("--home /tmp submit -- true", "no option --home in front of the command; options go after it"),
        ("--verison", "there is no option --verison; did you mean --version?"),
        ("status", "required: NAME"),
        ("status a b", "'b' is one word too many"),
        ("status a --jsn", "did you mean --json?"),
        ("service", "required: ACTION"),
        ("service strat", "did you mean start?"),
        ("service logs -n -1", "-n/--lines: must be at least 1, not -1"),
        ("serve --port x", "--port: 'x' is not a whole number"),
        ("serve --host 127.0.0.1 --port 99999", "--port: must be at most 65535, not 99999"),
        ("list --state faild", "did you mean FAILED?"),
        ("list --sort nam", "did you mean NAME?"),
        ("list --order up", "use one of ASC, DESC"),
        ("list --max 0", "--max: must be at least 1, not 0"),
        ("list --max 99999999999999999999", "--max: must be at most 2147483647"),
        ("list --tag team", "'team' is not KEY=VALUE"),
        ("logs a --lines x", "'x' is not a whole number"),
        ("logs a --tail x", "'x' is not a whole number"),
        ("logs a --tail --head", "--head and --tail exclude each other"),
        ("logs a -n 20", "-n is the job's name here, and --lines N says how many lines"),
        ("status a -n b", "'a' is one word too many beside -n"),
        ("status a --id=b", "'a' is one word too many beside --id"),
        ("status -n a --id b", "--id: a is named already; name one"),
        ("status -n a -o yaml", "there is no 'yaml'; use json or text"),
        ("submit -w -- true", "-w names the working directory; --wait waits"),
        ("submit -t 60 -- true", "-t sets a tag; --timeout ends a run"),
        ("submit -e *.log -- true", "-x PATTERN leaves files out"),
        ("queues status a -n b", "'a' is one word too many beside -n"),
        ("compute-configs get a -n b", "'a' is one word too many beside -n"),
        ("logs a -f --json", "exclude each other"),
        ("logs a -f --head", "exclude each other"),
        ("wait a -f --json", "exclude each other"),
        ("wait a --timeout 5x", "write 90s, 15m, 2h or 1h30m"),
        ("wait a --state done", "there is no 'DONE'"),
        ("tags", "required: ACTION"),
        ("tags add a", "required: KEY=VALUE"),
        ("tags add a b", "'b' is not KEY=VALUE"),
        ("submit --memory lots -- true", "'lots' must be a number of bytes"),
        ("submit --memory 8 -- true", "'8' is less than 1Mi"),
        ("submit --cpus 0 -- true", "must be at least 1, not 0"),
        ("submit --gpus 1 --compute big -- true", "--compute big says what the job runs on"),
        ("submit --compute big:x -- true", "compute_config='big:x': must be a compute config's name"),
        ("submit --retries -1 -- true", "--retries: must be at least 0, not -1"),
        ("submit -x a.txt -- true", "--exclude leaves paths out of a directory, and there is none"),
        ("submit -- ", "Say what to run"),
        ("submit --priority 3 -- true", "name one with --queue"),
        ("queues", "required: ACTION"),
        ("queues stat", "did you mean status?"),
        ("queues status", "required: NAME"),
        ("queues update line", "Say what to change: --max-concurrency or --idle-timeout"),
        ("queues update line --max-concurrency 0", "must be at least 1, not 0"),
        ("queues update line --idle-timeout soon", "write 90s, 15m, 2h or 1h30m"),
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
    assert "--host: a name is not empty" in refused("serve", "--host", "")
    for queue in ("", " "):
        assert "--queue: a name is not empty" in refused("submit", "-q", queue, "--", "true")
    assert not home.exists()


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


def test_a_blank_command_is_no_command(home: Path, refused: Callable[..., str]) -> None:
    assert "Say what to run" in refused("submit", "--", "")
    assert "Say what to run" in refused("submit", "--", " ", "\t")
    assert not home.exists()


READERS = (
    *("list", "status x", "logs x", "wait x", "terminate x", "archive x", "delete x", "tags list x"),
    *(
        "queues list",
        "queues status x",
        "compute-configs list",
        "compute-configs get x",
        "gc",
        "gc --dry-run",
    ),
    "backup x.tar.gz",
)


@pytest.mark.parametrize("line", READERS)
def test_a_misspelt_home_is_not_made(
    home: Path, tmp_path: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("misspelt", "~/misspelt"):
        monkeypatch.setenv("HOME", str(tmp_path))
        said = refused(*line.split(), "--home", name, code=1)
        assert f"There is no state directory {tmp_path / 'misspelt'}; the first job makes one" in said
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_no_backup(home: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    assert f"{tmp_path} is a directory; name a backup." in refused("restore", str(tmp_path), code=1)
    assert not home.exists()


def test_a_home_that_is_made_is_named(service: Path, call: Call) -> None:
    said = f"There is no state directory {service} yet; it is made for this.\n"
    for line in ("submit", "compute-configs create -f no.yaml"):
        assert call(*line.split(), "--home", str(service)).err.startswith(said)
    done = call("submit", "--home", str(service), "--wait", "--", "true")
    assert (done.code, done.err.count(said)) == (0, 1)
    assert call("submit", "--home", str(service), "--", "true").err == ""  # it is there


def test_a_service_elsewhere_that_does_not_answer(
    home: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_TARGET", "http://127.0.0.1:1")
    for line in ("list", "queues list", "gc", "compute-configs list"):
        said = refused(*line.split(), code=1)
        assert "at http://127.0.0.1:1 can't be reached" in said
        assert "Check JOBS_JUPYTER_TARGET, or unset it to use this machine's." in said
    assert not home.exists()


@pytest.mark.parametrize("line", ["config", "doctor", "service status", "service stop", "service logs"])
def test_what_looks_leaves_no_home(tmp_path: Path, home: Path, call: Call, line: str) -> None:
    call(*line.split(), "--home", str(tmp_path / "misspelt"))
    assert list(tmp_path.iterdir()) == []


def test_exit_codes(service: Path, call: Call, tmp_path: Path) -> None:
    """0 done, 1 failed or not there, 2 wrong usage, 3 the time is up; in every verb."""
    (tmp_path / "wrong.yaml").write_text("entrypoint: 5\n")
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert call("submit", "-n", "good", "--wait", "--", "true").code == 0
    assert call("submit", "-n", "bad", "--retries", "0", "--wait", "--", "false").code == 1
    assert call("submit", "-n", "long", "-q", "line", "--", "sleep", "600").code == 0
    table = [
        (0, "list", "status good", "logs good", "logs good --run 1", "status good --run 1", "wait good"),
        (0, "wait long --state running", "tags add good a=b", "tags list good", "tags remove good a"),
        (
            0,
            "queues list",
            "queues status line",
            "queues update line --max-concurrency 2",
            "gc",
            "gc --dry-run",
        ),
        (
            0,
            "compute-configs list",
            "service status",
            "service logs",
            "config",
            f"backup {tmp_path}/ok.tar.gz",
        ),
        (1, "status no", "logs no", "wait no", "terminate no", "archive no", "delete no", "tags list no"),
        (1, "tags add no a=b", "tags remove no a", "logs good --run 2", "status good --run 2", "wait bad"),
        (1, "queues status no", "queues update no --max-concurrency 1", "queues archive no"),
        (1, "queues terminate no", "queues delete no", "queues delete line", "delete long", "archive long"),
        (1, "compute-configs get no", "compute-configs archive no", "submit --compute no -- true"),
        (1, f"submit -f {tmp_path}", f"compute-configs create -f {tmp_path}"),
        (1, f"submit -f {tmp_path}/no.yaml", "submit -w no -- true", f"restore {tmp_path}/no.tar.gz"),
        (1, f"compute-configs create -f {tmp_path}/no.yaml", f"restore {tmp_path}/ok.tar.gz"),
        (
            2,
            "",
            "no",
            "status",
            "status good bad",
            "status good --no",
            "list --max 0",
            "wait good --timeout no",
        ),
        (2, f"submit -f {tmp_path}/wrong.yaml", f"submit -f {tmp_path}/list.yaml", "submit", "submit true"),
        (2, "tags add good a", "tags add good bad?=c", "queues update line", "compute-configs get a:b:c"),
        (2, f"compute-configs create -f {tmp_path}/wrong.yaml", f"backup {tmp_path}", "completion no"),
        (
            2,
            "logs good -f --json",
            "wait good -f --json",
            "service logs -f --json",
            "queues update line --no",
        ),
        (3, "wait long --timeout 1", "wait long --timeout 1 --json"),
    ]
    for code, *lines in table:
        for line in lines:
            done = call(*str(line).split())
            assert (line, done.code) == (line, code), done.err
            assert (code == 0) or done.err.count("\n") == 1, f"{line} is explained in one line: {done.err}"
