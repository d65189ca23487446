"""Jobs from a shell: status, list, terminate, archive, delete; submit and tags."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.models.errors import JobNotFoundError
from tests.cli.conftest import Call
from tests.cli.program import Terminal
from tests.engine import IMAGE, Engine
from tests.jobs import ended, run, running, submit
from tests.remote_stores import zipped
from tests.wheels import wheel


def test_submit_a_command(service: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_SHELL", "of the shell")
    options = ["submit", "-n", "train", "-t", "team=ml", "-e", "FROM_SHELL", "-e", "GIVEN=x=y"]
    options += ["--retries", "0", "--timeout", "2m"]
    done = call(*options, "--", "sh", "-c", 'echo "$FROM_SHELL, $GIVEN"; echo "$0"', "two  words")
    assert (done.code, done.err) == (0, "")
    status = ended(done.out.strip())
    assert job.get_logs(id=status.id) == "of the shell, x=y\ntwo  words\n"
    assert (status.name, status.tags, status.max_runs) == ("train", {"team": "ml"}, 1)
    assert status.config.timeout_s == 120


def test_submit_with_remote_directories(service: Path, call: Call, tmp_path: Path) -> None:
    (tmp_path / "app.zip").write_bytes(zipped({"main.py": "import mine; print(mine.NAME)"}))
    (tmp_path / "lib.zip").write_bytes(zipped({"mine.py": "NAME = 'mine'"}))
    uris = ["-w", f"file://{tmp_path}/app.zip", "--py-module", f"file://{tmp_path}/lib.zip"]
    done = call("submit", *uris, "--", "python", "main.py")
    assert (done.code, done.err) == (0, "")
    ended(done.out.strip())
    assert job.get_logs(id=done.out.strip()) == "mine\n"


def test_submit_with_an_image(service: Path, call: Call, podman: Engine, tmp_path: Path) -> None:
    status = ended(call("submit", "--image", IMAGE, "--", "echo $OF_IMAGE").out.strip())
    assert (job.get_logs(id=status.id), status.config.image_uri) == ("yes\n", IMAGE)
    missing = call("submit", "--containerfile", str(tmp_path / "none"), "--", "true")
    assert missing.code != 0
    assert "containerfile=" in missing.err
    alone = call("submit", "--registry-secret", "team", "--", "true")
    assert "registry_login_secret is for an image_uri" in alone.err


def test_submit_a_file(
    service: Path, call: Call, refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / "code" / name).touch()
    (tmp_path / "job.yaml").write_text(
        "name: filed\nentrypoint: echo $A $B; ls\nworking_dir: code\nexcludes: [a.txt]\n"
        "env_vars: {A: a, B: b}\ntags: {team: ml}\nmax_retries: 3\n"
    )
    monkeypatch.chdir(tmp_path)
    plain = call("submit", "-f", "job.yaml", "--json").json
    assert plain["name"] == "filed"
    assert ended(plain["id"]).max_runs == 4
    assert job.get_logs(id=plain["id"]) == "a b\nb.txt\nc.txt\n"

    over = ["submit", "-f", "job.yaml", "-n", "other", "-x", "b.txt", "-e", "B=2", "-t", "more=1"]
    status = ended(call(*over, "--retries", "1").out.strip())
    assert job.get_logs(id=status.id) == "a 2\nc.txt\n"
    assert (status.name, status.max_runs, status.tags) == ("other", 2, {"team": "ml", "more": "1"})
    nowhere = call("submit", "-f", "job.yaml", "-w", "none", "--", "ls").out.strip()
    assert (ended(nowhere).state, job.get_logs(id=nowhere)) == ("SUCCEEDED", "")

    (tmp_path / "wrong.yaml").write_text("entrypoint: 'true'\nmax_retrys: 1\n")
    assert "max_retrys: There is no such field; did you mean max_retries?" in refused(
        "submit", "-f", "wrong.yaml"
    )
    assert "did you mean job.yaml?" in refused("submit", "-f", "jobs.yaml", code=1)
    assert "nowhere" in refused("submit", "-w", "nowhere", "--", "true", code=1)


def test_submit_and_wait(service: Path, call: Call) -> None:
    done = call("submit", "--wait", "--retries", "0", "--", "sh", "-c", "echo working; exit 3")
    _, header, line = done.out.splitlines()
    assert (done.code, line) == (1, "working")
    assert "run 1 of 1" in header
    assert "FAILED: exit code 3" in done.err
    done = call("submit", "--wait", "--json", "--", "true")
    assert (done.code, done.json["state"]) == (0, "SUCCEEDED")


def test_status(service: Path, call: Call, refused: Callable[..., str]) -> None:
    failed = run("exit 3", name="train", tags={"team": "ml"}, env_vars={"KEY": "secret"}, max_retries=1)
    for word in ("train", failed.id):
        done = call("status", word)
        assert done.code == 0
        for text in ("FAILED", "exit code 3", "team=ml", failed.id, *(known.name for known in failed.runs)):
            assert text in done.out
    answer = call("status", "train", "--json").json
    assert (answer["id"], answer["exit_code"], len(answer["runs"])) == (failed.id, 3, 2)
    assert answer["config"]["env_vars"] == {"KEY": "***"}

    assert "The nearest names: train" in refused("status", "trian", code=1)
    assert "prodjob_" in refused("status", "prodjob_" + "a" * 26, code=1)
    assert "no job named 'train'" in refused("status", "train", "-p", "other", code=1)
    assert call("archive", "train").out == f"train ({failed.id}) is archived\n"
    assert "pass --archived to find it" in refused("status", "train", code=1)
    assert call("status", "train", "--archived", "--json").json["archived_at"]


def test_list(service: Path, call: Call) -> None:
    assert call("list").out == ""
    assert call("list", "--json").json == []
    ids = [run("true", name=f"job-{n}", tags={"n": str(n)}).id for n in range(3)]
    failed = run("exit 1", name="bad \x1b[31m[red]").id
    lines = call("list").out.splitlines()
    assert lines[0].split() == ["ID", "NAME", "STATE", "AGE", "DURATION", "REASON", "TAGS"]
    assert [line.split()[0] for line in lines[1:]] == [failed, *reversed(ids)]
    assert r"bad \x1b[31m[red]" in lines[1]
    assert len({line.find("SUCCEEDED") for line in lines[2:]}) == 1, "columns are aligned"

    def listed(*options: str) -> list[str]:
        return [status["id"] for status in call("list", "--json", *options).json]

    assert listed("--state", "failed") == [failed]
    assert listed("--tag", "n=1") == [ids[1]]
    assert listed("--tag", "n=1", "--tag", "n=2") == [ids[2], ids[1]]
    assert listed("--name", "job-0") == [ids[0]]
    assert listed("--max", "2") == [failed, ids[2]]
    assert listed("--sort", "created-at", "--order", "asc", "--all-users") == [*ids, failed]
    assert listed("-p", "elsewhere") == []
    job.archive(id=failed)
    assert listed("--max", "1") == [ids[2]]
    assert listed("--max", "1", "--archived") == [failed]


def test_terminate_archive_delete(service: Path, call: Call, refused: Callable[..., str]) -> None:
    sleeper, done = running(submit("sleep 600", name="sleeper")), run("true", name="done").id
    assert "is RUNNING and can't be deleted" in refused("delete", "sleeper", code=1)
    assert "is RUNNING" in refused("archive", sleeper, code=1)
    several = call("terminate", "sleeper", "nobody", done)
    assert several.code == 1
    assert several.out.splitlines() == [
        f"sleeper ({sleeper}) is being ended",
        f"done ({done}) has ended already: SUCCEEDED",
    ]
    assert "no job named 'nobody'" in several.err
    assert ended(sleeper).state == "TERMINATED"
    answer = call("archive", "sleeper", "nobody", "--json")
    assert answer.code == 1
    assert answer.json[0] == {"job": "sleeper", "id": sleeper}
    assert "no job named 'nobody'" in answer.json[1]["error"]
    assert call("delete", sleeper, "done", "--json").json == [
        {"job": sleeper, "id": sleeper},
        {"job": "done", "id": done},
    ]
    with pytest.raises(JobNotFoundError):
        job.status(id=done)


def test_delete_asks_on_a_terminal(service: Path) -> None:
    job_id = run("true", name="dear").id
    with Terminal("delete", "dear") as terminal:
        terminal.shows(f"Delete dear ({job_id}) with its logs, for good? [y/N] ")
        terminal.press("\n")
        assert terminal.ends() == 1
    with Terminal("delete", "dear") as terminal:
        terminal.shows("[y/N] ")
        terminal.press("\x03")
        assert terminal.ends() == 130
    assert job.status(id=job_id).name == "dear"
    with Terminal("delete", "dear") as terminal:
        terminal.shows("[y/N] ")
        terminal.press("y\n")
        assert terminal.ends() == 0
        assert f"dear ({job_id}) is deleted" in terminal.text
    other = run("true").id
    with Terminal("delete", "--yes", other) as terminal:
        assert terminal.ends() == 0
        assert "[y/N]" not in terminal.text


def test_tables_on_a_terminal(service: Path) -> None:
    with Terminal("list") as terminal:
        assert terminal.ends() == 0
        assert terminal.text == "There are no such jobs.\n"
    good, bad = run("true", name="good").id, run("exit 1", name="[red]bad", tags={"team": "ml"}).id
    for columns in (120, 80):
        with Terminal("list", columns=columns) as terminal:
            assert terminal.ends() == 0
            for text in ("good", "[red]bad", "SUCCEEDED", "FAILED", "exit code 1", "team=ml"):
                assert text in terminal.text
            assert (good in terminal.text) == (bad in terminal.text) == (columns == 120)
            assert max(map(len, terminal.text.splitlines())) <= columns
    assert "\x1b[32mSUCCEEDED" in terminal.raw
    assert "\x1b[31mFAILED" in terminal.raw
    with Terminal("list", "--max", "1") as terminal:
        terminal.shows("There are more; --max 2")
        assert "[red]bad" in terminal.text
        assert terminal.ends() == 0
    with Terminal("status", bad) as terminal:
        assert terminal.ends() == 0
        assert "\x1b[31mFAILED" in terminal.raw
        assert "\x1b[0m[red]bad\r\n" in terminal.raw, "labels are bold, not what they label"
    with Terminal("list", "--json") as terminal:
        assert terminal.ends() == 0
        assert "\x1b" not in terminal.raw


def test_tags(service: Path, call: Call, refused: Callable[..., str]) -> None:
    job_id = run("true", name="tagged").id
    assert (call("tags", "list", "tagged").out, call("tags", "list", job_id, "--json").json) == ("", {})
    assert call("tags", "add", "tagged", "team=ml", "stage=a=b").out == ""
    assert call("tags", "list", "tagged").out == "team=ml\nstage=a=b\n"
    assert call("tags", "add", job_id, "team=x", "--json").json == {"team": "x", "stage": "a=b"}
    assert call("tags", "remove", "tagged", "stage", "nothing", "--json").json == {"team": "x"}
    assert "is not valid" in refused("tags", "add", "tagged", "bad key=x")
    assert "nearest names: tagged" in refused("tags", "add", "taged", "a=b", code=1)
    assert job.list_tags(job_id=job_id) == {"team": "x"}


def test_another_home(service: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = run("true").id
    monkeypatch.setenv("JOBS_JUPYTER_HOME", "/dev/null/elsewhere")
    assert call("list").code == 1
    assert job_id in call("list", "--home", str(service)).out
    assert os.environ["JOBS_JUPYTER_HOME"] == str(service)


def test_status_shows_what_was_asked_for(service: Path, call: Call, refused: Callable[..., str]) -> None:
    options = ["-q", "line", "--cpus", "1", "--memory", "64Mi", "--timeout", "1h30m", "--retries", "2"]
    job_id = call("submit", "-n", "held", *options, "--", "echo", "on").out.strip()
    ended(job_id)
    shown = dict(line.split(":", 1) for line in call("status", "held").out.split("\n\n")[0].splitlines())
    assert shown["queue"].strip() == "line"
    assert shown["asks for"].strip() == '{"min_resources": {"CPU": 1, "memory": 67108864}}'
    assert shown["timeout"].strip() == "5400 s a run"
    assert shown["retries"].strip() == "2 at most"
    assert shown["command"].strip() == "echo on"


def test_status_of_one_run(service: Path, call: Call, refused: Callable[..., str]) -> None:
    failed = run("exit 3", name="twice", max_retries=1)
    for wanted in ("2", failed.runs[1].name):
        done = call("status", "twice", "--run", wanted)
        assert (done.code, done.out.splitlines()[0]) == (0, f"run:      {failed.runs[1].name}")
        assert "exit code 3" in done.out
        assert failed.runs[0].name not in done.out
    found = call("status", "twice", "--run", "1", "--json").json
    assert (found["name"], found["exit_code"]) == (failed.runs[0].name, 3)
    for wrong in ("0", "3", "x"):
        said = refused("status", "twice", "--run", wrong, code=1)
        assert f"twice has no run '{wrong}'; its runs: {failed.runs[0].name}, " in said


def test_a_long_name_on_a_narrow_terminal(service: Path) -> None:
    name = "a-name-that-begins-alike-for-every-experiment-of-the-whole-series-and-ends-in-0042"
    run("exit 1", name=name, tags={"team": "a-team-with-a-name-of-more-than-a-few-words"})
    for columns in (80, 40):
        with Terminal("list", columns=columns) as terminal:
            assert terminal.ends() == 0
            lines = terminal.text.splitlines()
            assert max(map(len, lines)) <= columns
            assert lines[1].startswith("a-name")
            assert "0042 " in lines[1], "both ends of it, in one piece"


def test_a_command_in_quotes_is_a_line_of_the_shell(service: Path, call: Call) -> None:
    job_id = call("submit", "--", "echo one && echo $JOBS_JUPYTER_RUN_ATTEMPT").out.strip()
    assert ended(job_id).state == "SUCCEEDED"
    assert job.get_logs(id=job_id) == "one\n1\n"


def test_delete_says_when_it_asks(home: Path, call: Call) -> None:
    shown = " ".join(call("delete", "--help").out.split())
    assert "On a terminal it asks first, in a script it does not." in shown


def test_submit_with_requirements(
    service: Path, call: Call, tmp_path: Path, refused: Callable[..., str]
) -> None:
    wheel(tmp_path / "wheels", "extra-one", "1.5", program="say-one")
    (tmp_path / "reqs.txt").write_text("--no-index\n--find-links wheels\nextra-one\n")
    done = call(
        "submit",
        "--wait",
        "-r",
        str(tmp_path / "reqs.txt"),
        "-e",
        f"UV_CACHE_DIR={tmp_path}/cache",
        "--",
        "say-one",
    )
    assert (done.code, done.out.splitlines()[-1]) == (0, "extra-one 1.5")
    assert "no requirement" in refused("submit", "-r", "a b", "--", "true")
    assert "there is no file" in refused("submit", "-r", "a.txt", "-r", "b", "--", "true", code=1)
    assert "py_executable='/nowhere'" in refused(
        "submit", "--py-executable", "/nowhere", "--", "true", code=1
    )
