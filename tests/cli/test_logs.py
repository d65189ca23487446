"""Logs and waiting from a shell; Ctrl-C detaches."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.cli import logs
from tests.cli.conftest import Call
from tests.cli.program import Terminal, cli
from tests.jobs import ended, run, running, submit


def test_logs(service: Path, call: Call, refused: Callable[..., str]) -> None:
    status = run("seq 5; exit 1", name="lines", max_retries=1)
    assert call("logs", "lines").out == "1\n2\n3\n4\n5\n"
    assert call("logs", status.id, "--lines", "2").out == "4\n5\n"
    assert call("logs", "-n", "lines", "--lines", "2", "--head").out == "1\n2\n"
    first = status.runs[0].name
    assert call("logs", "lines", "--run", first, "--json").json == {
        "id": status.id,
        "name": "lines",
        "run": first,
        "log": "1\n2\n3\n4\n5\n",
    }
    assert call("logs", "lines", "--run", "1", "--json").json["run"] == first
    assert "did you mean" in refused("logs", "lines", "--run", first[:-1], code=1)
    assert "has no run 'x'" in refused("logs", "lines", "--run", "x", "-f", code=1)
    assert "nearest names: lines" in refused("logs", "line", code=1)


def test_follow_what_has_ended(service: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FIRST_TAIL", 4)
    status = run(r"seq 5; printf 'a\rb\n\nend'; exit 1", name="lines", max_retries=1)
    done = call("logs", "lines", "-f")
    assert (done.code, done.out, done.err) == (0, "1\n2\n3\n4\n5\na\rb\n\nend\n", "")
    for lines, text in ((1, "end\n"), (3, "a\rb\n\nend\n"), (4, "5\na\rb\n\nend\n"), (99, done.out)):
        assert call("logs", "lines", "-f", "--tail", str(lines)).out == text
    assert call("logs", "lines", "-f", "--run", status.runs[0].name).out == done.out


def test_follow_through_retries(service: Path, call: Call, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job_id = running(submit(f"echo begun; until [ -e {gate} ]; do sleep 0.05; done; exit 1", max_retries=1))
    gate.touch()
    done = call("logs", job_id, "-f")
    assert (done.code, done.out) == (0, "begun\nbegun\n")
    assert done.err == f"[{job.status(id=job_id).runs[1].name}] run 2\n"


def test_follow_from_before_the_first_run(service: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run("echo tried; exit 1", max_retries=1)
    logs._follow(status.options(runs=[]), None, Namespace(lines=None, run_name=None))
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("tried\ntried\n", f"[{status.runs[1].name}] run 2\n")


def test_a_reason_that_is_a_sentence_ends_with_one_full_stop(
    service: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_NO_INDEX", "1")
    submit("true", name="unmade", requirements=["there-is-no-such-thing==9"])
    said = refused("wait", "unmade", code=1)
    assert "requirements can't be installed" in said
    assert ". See: jupyter jobs logs" in said
    assert ".. See" not in said


def test_wait(service: Path, call: Call, refused: Callable[..., str]) -> None:
    good, bad = submit("sleep 0.3", name="good"), submit("echo oh; exit 3", name="bad")
    done = call("wait", "good")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("good SUCCEEDED 00:0")
    assert call("wait", good, "--json").json["state"] == "SUCCEEDED"
    assert call("wait", bad, "--state", "failed").code == 0
    assert f"bad FAILED: exit code 3. See: jupyter jobs logs {bad}" in refused("wait", "bad", code=1)
    answer = call("wait", "bad", "--json")
    assert (answer.code, answer.json["state"]) == (1, "FAILED")
    followed = call("wait", "bad", "-f")
    assert (followed.code, followed.out.splitlines()[1:]) == (1, ["oh"])
    assert "FAILED: exit code 3" in followed.err
    assert "no job named 'bda'" in refused("wait", "bda", code=1)


def test_the_time_is_up(service: Path, call: Call, refused: Callable[..., str]) -> None:
    job_id = running(submit("sleep 600", name="long"))
    assert call("wait", "long", "--state", "running").code == 0
    assert "long is RUNNING after 1 s, not SUCCEEDED; it goes on" in refused(
        "wait", "long", "--timeout", "1s", code=3
    )
    answer = call("wait", job_id, "--timeout", "1", "--json")
    assert (answer.code, answer.json["state"]) == (3, "RUNNING")


@pytest.mark.parametrize("verb", [("wait",), ("wait", "-f"), ("logs", "-f")])
def test_ctrl_c_detaches(service: Path, verb: tuple[str, ...]) -> None:
    job_id = running(submit("echo begun; sleep 600", name="long job"))
    with Terminal(verb[0], "long job", *verb[1:]) as terminal:
        terminal.shows("begun" if len(verb) > 1 else "long job is RUNNING; Ctrl-C only ends the waiting")
        terminal.press("\x03")
        terminal.shows("Detached; long job goes on. Wait again: jupyter jobs wait 'long job'")
        assert terminal.ends() == 130
        assert "Traceback" not in terminal.text
    assert job.status(id=job_id).state == "RUNNING"


def test_ctrl_c_of_a_submit_that_waits(service: Path) -> None:
    with Terminal("submit", "-n", "long", "--wait", "--", "sh", "-c", "echo begun; sleep 600") as terminal:
        terminal.shows("begun")
        terminal.press("\x03")
        assert terminal.ends() == 130
    assert job.status(name="long").state == "RUNNING"


def test_bytes_go_through_as_they_are(service: Path) -> None:
    job_id = ended(submit(r"printf '\377é\033[31mred\n'")).id
    done = cli("logs", job_id, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
