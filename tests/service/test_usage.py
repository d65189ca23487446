"""What a run uses is sampled with all its processes, and kept as a series that stays small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter import job
from jobs_jupyter.cli.output import cpu_time
from jobs_jupyter.client import service as client_service
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.models.sizes import human
from jobs_jupyter.notebook.handle import get
from jobs_jupyter.service import meter, tree, usage
from tests.cli.program import PROGRAM
from tests.jobs import ended, eventually, submit
from tests.service import shimmed

MIB = 1 << 20


def test_processes_that_leave_their_session_are_counted(tmp_path: Path) -> None:
    """A child that sets a session of its own and one below it, both with memory and CPU time of theirs."""
    burn = 'x = bytearray(b"x") * (50 << 20)\nwhile sum(__import__("os").times()[:2]) < 0.5: pass\n'
    (tmp_path / "burn.py").write_text(burn + "__import__('time').sleep(30)")
    command = f"setsid {sys.executable} burn.py & (setsid {sys.executable} burn.py & wait) & sleep 30"
    shim = shimmed.start(tmp_path, command)
    paths = RunPaths(tmp_path)
    enough = [0, 1.0, 100 * MIB]
    (at, cpu_s, memory) = eventually(
        lambda: next(
            (s for s in usage.read(paths.usage)["samples"] if s[1:] > enough[1:] and s[2] > enough[2]), None
        )
    )
    assert len(tree.below(shim)) >= 4
    assert 0 < at < 20
    paths.stop.touch()
    os.kill(shim, 15)
    found = shimmed.ended(tmp_path)
    assert found["cause"] == "stop"
    assert found["cpu_time_s"] >= cpu_s >= 1.0
    assert memory <= found["peak_memory"] < 300 * MIB


def test_children_are_found_by_either_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every kernel lists a task's children; without the lists, all processes are looked through."""
    shim = shimmed.start(tmp_path, "sleep 30 & (sleep 30 & wait) & wait")
    eventually(lambda: len(tree.below(shim)) >= 4)
    looked_through = sorted(process.pid for process in tree.below(shim))
    children: dict[int, list[int]] = {}
    for process in tree.below(shim):
        children.setdefault(process.parent, []).append(process.pid)
    monkeypatch.setattr(tree, "_CHILDREN_KNOWN", True)
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        monkeypatch.setattr(tree, "_children", lambda pid: children.get(pid, []))
    assert sorted(process.pid for process in tree.below(shim)) == looked_through
    (tmp_path / "stop").touch()
    os.kill(shim, 15)
    shimmed.ended(tmp_path)


def test_a_run_that_nobody_looked_at_has_totals(tmp_path: Path) -> None:
    found = shimmed.run(tmp_path, "true")
    assert 0 < found["cpu_time_s"] < 1
    assert usage.read(tmp_path / "none") == {"interval_s": 1.0, "samples": []}


@given(st.integers(0, 3000), st.floats(0.1, 5.0))
def test_a_series_stays_small_and_keeps_its_peaks(
    tmp_path_factory: pytest.TempPathFactory, count: int, step: float
) -> None:
    path = tmp_path_factory.mktemp("series") / "usage"
    series = meter.Series(str(path))
    memory = [(7919 * n) % 1000 for n in range(count)]
    for n in range(count):
        series.add(n * step, n * step / 2, memory[n])
    found = usage.read(path)
    samples = found["samples"]
    assert len(samples) < meter.MOST
    assert bool(samples) == bool(count)
    assert [s[0] for s in samples] == sorted({s[0] for s in samples})
    assert all(cpu == pytest.approx(at / 2, abs=0.002) for at, cpu, _ in samples)
    if count:
        assert (count - 1) * step - samples[-1][0] <= series._every_s + step
        assert max(memory) == max(series._highest, *(most for _, _, most in samples))


def test_a_broken_off_record_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "usage"
    path.write_bytes(meter.RECORD.pack(1.0, 0.5, 10) + b"half")
    assert usage.read(path)["samples"] == [[1.0, 0.5, 10]]


def test_a_jobs_usage_with_a_service(service: Path) -> None:
    job_id = submit("while [ ! -e go ]; do sleep 0.05; done")
    (run,) = eventually(lambda: job.status(id=job_id).runs)
    with client_service.ensure().client() as http:
        path = f"/v1/jobs/{job_id}/runs/{run.name}/usage"
        samples = eventually(lambda: http.get(path).raise_for_status().json()["samples"])
        assert samples[0][2] > 0
        handle = get(job_id)
        assert handle.usage()["samples"][0] == handle.usage(run.name)["samples"][0] == samples[0]
        with pytest.raises(ValueError, match=f"has no run nobody; its runs: {run.name}"):
            handle.usage("nobody")
        assert http.get(f"/v1/jobs/{job_id}/runs/nobody/usage").status_code == httpx.codes.BAD_REQUEST
    (service / "jobs" / job_id / "runs" / run.name / "work/go").touch()
    (at_end,) = ended(job_id).runs
    assert at_end.cpu_time_s is not None
    assert at_end.peak_memory is not None
    assert at_end.cpu_time_s >= samples[0][1]
    assert at_end.peak_memory >= samples[0][2]
    shown = subprocess.run([PROGRAM, "status", job_id], capture_output=True, text=True, check=True).stdout
    assert "CPU" in shown
    assert f"{cpu_time(at_end.cpu_time_s)}  {human(at_end.peak_memory)}" in shown.splitlines()[-1]


def test_seconds_of_cpu_time_in_words() -> None:
    assert [cpu_time(s) for s in (0.254, 3.25, 59.9, 135.2, 3735)] == [
        "0.25s",
        "3.2s",
        "59.9s",
        "02:15",
        "1:02:15",
    ]


def test_processes_that_end_during_a_look_do_not_count_as_unshared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that share all of 100 MiB; in the second look both are listed, and gone when pages are counted."""
    alive = [subprocess.Popen(["sleep", "60"]) for _ in range(2)]
    listed = [tree.Process(process.pid, os.getpid(), 0.0, 100 * MIB) for process in alive]
    monkeypatch.setattr(tree, "below", lambda root: listed)
    monkeypatch.setattr(meter, "SHARE", 1e9)  # count at each look
    own = meter.Meter(os.getpid(), str(tmp_path / "usage"))
    own.look(0.0, 0.0)
    seen = own.memory
    assert 0 < seen < 100 * MIB
    for process in alive:
        process.kill()
        process.wait()
    own.look(1.0, 0.0)
    assert own.memory == own.peak == seen
