"""`job.get_logs`."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.models import JobLogMode
from tests.jobs import eventually, run, running, submit


def test_arguments_are_checked_before_the_look_up(home: Path) -> None:
    for mode in ("MIDDLE", "", None, 1):
        with pytest.raises(ValueError, match="HEAD, TAIL"):
            job.get_logs(name="x", mode=mode)  # type: ignore[arg-type]
    for count in (0, -1):
        with pytest.raises(ValueError, match="max_lines"):
            job.get_logs(name="x", max_lines=count)
    for wrong in (1.0, "1", True):
        with pytest.raises(TypeError, match="max_lines"):
            job.get_logs(name="x", max_lines=wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="run"):
        job.get_logs(name="x", run="")
    with pytest.raises(TypeError, match="run"):
        job.get_logs(name="x", run=1)  # type: ignore[arg-type]
    assert not home.exists()


def test_ends_of_a_log(service: Path) -> None:
    job_id = run("seq 5").id
    assert job.get_logs(id=job_id) == "1\n2\n3\n4\n5\n"
    assert job.get_logs(id=job_id, mode="HEAD") == "1\n2\n3\n4\n5\n"
    for head in ("HEAD", "head", JobLogMode.HEAD):
        assert job.get_logs(id=job_id, mode=head, max_lines=2) == "1\n2\n"
    for tail in ("TAIL", "Tail", JobLogMode.TAIL):
        assert job.get_logs(id=job_id, mode=tail, max_lines=2) == "4\n5\n"
    assert job.get_logs(id=job_id, max_lines=1) == "5\n"
    assert job.get_logs(id=job_id, max_lines=10**30) == "1\n2\n3\n4\n5\n"


def test_what_a_line_is(service: Path) -> None:
    for written, lines in {
        r"": [],
        r"\n": [""],
        r"\n\na\n\n": ["", "", "a", ""],
        r"no end": ["no end"],
        r"10%%\r20%%\r30%%\ndone": ["10%\r20%\r30%", "done"],
        r"a\vb\fc\x1c\xc2\x85\xe2\x80\xa8d\r\ne\n": ["a\vb\fc\x1c\x85\u2028d\r", "e"],
        r"bad \xff\xfe bytes\n": ["bad \ufffd\ufffd bytes"],
        r"nul \0 byte\n": ["nul \0 byte"],
    }.items():
        job_id = run('"$(command -v printf)" \'%b\' "$TEXT"', env_vars={"TEXT": octal(written)}).id
        assert job.get_logs(id=job_id) == "".join(line + "\n" for line in lines)
        for count in (1, 2, 3):
            assert job.get_logs(id=job_id, max_lines=count) == "".join(f"{x}\n" for x in lines[-count:])
            assert job.get_logs(id=job_id, mode="HEAD", max_lines=count) == "".join(
                f"{x}\n" for x in lines[:count]
            )


def octal(text: str) -> str:
    """Turn `\\xff` into what every printf's `%b` takes."""
    parts = text.replace("%%", "%").split("\\x")
    return parts[0] + "".join(f"\\0{int(part[:2], 16):03o}{part[2:]}" for part in parts[1:])


def test_output_and_errors_are_in_order(service: Path) -> None:
    job_id = run("for i in 1 2 3; do echo out $i; echo err $i >&2; done; sh -c 'echo child'").id
    assert job.get_logs(id=job_id) == "out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\nchild\n"


def test_the_last_run_unless_one_is_named(service: Path) -> None:
    status = run("echo attempt $JOBS_JUPYTER_RUN_ATTEMPT; exit 1", max_retries=1)
    first, second = status.runs
    assert job.get_logs(id=status.id) == job.get_logs(id=status.id, run=second.name) == "attempt 2\n"
    assert job.get_logs(id=status.id, run=first.name, max_lines=1) == "attempt 1\n"
    for unknown in ("jobrun_none", "../../x", "LAST"):
        with pytest.raises(ValueError, match=first.name):
            job.get_logs(id=status.id, run=unknown)
    other = run("true")
    with pytest.raises(ValueError, match=other.runs[0].name):
        job.get_logs(id=other.id, run=first.name)


def test_lines_of_a_running_job_are_there_at_once(service: Path) -> None:
    shell = running(submit("echo now; sleep 600"))
    assert eventually(lambda: job.get_logs(id=shell)) == "now\n"
    program = running(submit("python -c 'import time; print(1); print(2); time.sleep(600)'"))
    eventually(lambda: job.get_logs(id=program) == "1\n2\n")


def test_a_large_log(service: Path) -> None:
    # more than one block and one read, and a single line longer than a block
    job_id = run("seq 1000000; head -c 200000 /dev/zero | tr '\\0' x; echo; seq 3").id
    log = job.get_logs(id=job_id)
    assert log.count("\n") == 1_000_004
    assert job.get_logs(id=job_id, max_lines=5) == "1000000\n" + "x" * 200_000 + "\n1\n2\n3\n"
    assert job.get_logs(id=job_id, mode="HEAD", max_lines=100_000) == log[: log.index("\n100001\n") + 1]
    assert job.get_logs(id=job_id, max_lines=900_000).startswith("100005\n")
