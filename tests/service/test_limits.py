"""A run is held to its memory, its CPUs and its GPUs, also when nothing but its shim lives."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs_jupyter import job
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import cgroups, environment, machine
from jobs_jupyter.service.watch import Watch
from tests.jobs import ended, eventually, run, running, submit
from tests.service import shimmed

MIB = 1 << 20
HOG = f"{sys.executable} -c 'import time; x = bytearray({{}} << 20); print(1, flush=True); time.sleep({{}})'"


@pytest.fixture(scope="module")
def place() -> str:
    """The directory in which control groups with a memory limit can be made."""
    found = cgroups.place_for_limits()
    if found is None:
        pytest.skip("this machine lets us make no control groups with a memory limit")
    return found


@pytest.fixture
def group(place: str, tmp_path: Path) -> Iterator[Path]:
    folder = Path(place, f"jobs_jupyter-test-{os.getpid()}-{tmp_path.name}")
    yield folder
    assert not folder.exists()


def test_memory_is_watched_where_the_kernel_keeps_no_limit(tmp_path: Path) -> None:
    found = shimmed.run(tmp_path, HOG.format(250, 60), memory=200 * MIB)
    assert (found["cause"], found["limit"]) == ("memory", 200 * MIB)
    assert 200 * MIB < found["peak_memory"] < 400 * MIB


def test_shared_memory_counts_once(tmp_path: Path) -> None:
    """Four processes that share 100 MiB have 400 MiB by their sizes, and are not over 200 MiB together."""
    code = (
        'import os, time\nheld = bytearray(b"x") * (100 << 20)\n'
        "pids = [os.fork() for _ in range(2)]\ntime.sleep(1.7)"
    )
    found = shimmed.run(tmp_path, f"{sys.executable} -c '{code}'", memory=200 * MIB)
    assert (found["cause"], found["exit_code"]) == ("exit", 0)
    assert 100 * MIB < found["peak_memory"] < 200 * MIB


def test_pages_of_files_are_not_the_runs_to_give_back(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x" * 100 * MIB)
    code = (
        'import mmap, time\nfile = open("data")\n'
        "data = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "sum(data[::4096])\ntime.sleep(1.5)"
    )
    found = shimmed.run(tmp_path, f"{sys.executable} -c '{code}'", memory=60 * MIB)
    assert (found["cause"], found["exit_code"]) == ("exit", 0)
    assert found["peak_memory"] > 100 * MIB  # it had them all the same


def test_the_kernel_keeps_the_limit_in_a_control_group(tmp_path: Path, group: Path) -> None:
    found = shimmed.run(tmp_path, HOG.format(250, 60), memory=200 * MIB, cgroup=str(group))
    assert (found["cause"], found["limit"]) == ("memory", 200 * MIB)
    assert 190 * MIB < found["peak_memory"] <= 200 * MIB
    assert "1\n" not in RunPaths(tmp_path).log.read_text()


def test_a_child_that_the_kernel_kills_ends_the_run(tmp_path: Path, group: Path) -> None:
    command = f"{HOG.format(250, 60)}; sleep 60"
    found = shimmed.run(tmp_path, command, memory=200 * MIB, cgroup=str(group))
    assert found["cause"] == "memory"


def test_a_run_within_its_limit_leaves_no_group_behind(tmp_path: Path, group: Path) -> None:
    command = f"mkdir {group}/own && {HOG.format(50, 0)}; cat /proc/self/cgroup"
    found = shimmed.run(tmp_path, command, memory=200 * MIB, cgroup=str(group))
    assert (found["cause"], found["exit_code"]) == ("exit", 0)
    assert group.name in RunPaths(tmp_path).log.read_text()


def test_a_group_that_is_delegated(place: str, tmp_path: Path, group: Path) -> None:
    group.mkdir()
    found = cgroups.place_for_limits(str(group))
    group.rmdir()
    assert found == str(group)
    assert cgroups.place_for_limits(str(tmp_path)) is None


def test_a_group_that_can_not_be_made_is_replaced_by_watching(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = shimmed.run(tmp_path, HOG.format(250, 60), memory=200 * MIB, cgroup=str(tmp_path / "file/group"))
    assert found["cause"] == "memory"


def test_the_group_of_a_killed_shim_is_removed(tmp_path: Path, group: Path) -> None:
    paths = RunPaths(tmp_path)
    shim = shimmed.start(tmp_path, HOG.format(10, 600), memory=200 * MIB, cgroup=str(group))
    eventually(lambda: paths.log.exists() and paths.log.read_text())
    members = [psutil.Process(int(pid)) for pid in (group / "cgroup.procs").read_text().split()]
    os.kill(shim, signal.SIGKILL)
    cgroups.MemoryGroup(str(group)).clear()
    assert members
    assert psutil.wait_procs(members, timeout=10)[1] == []


@pytest.mark.parametrize(("after", "code", "number"), [("", None, 9), ("; exit $?", 137, None)])
def test_a_machine_without_memory(
    tmp_path: Path, group: Path, after: str, code: int | None, number: int | None
) -> None:
    """The kernel kills a run that has no limit; a group that the run enters by itself plays the machine."""
    small = cgroups.MemoryGroup(str(group))
    small.make(50 * MIB)
    until_watched = "while [ ! -e usage ]; do sleep 0.02; done"
    command = (
        f"{until_watched}; echo 0 > {group}/cgroup.procs; {'exec ' * (not after)}{HOG.format(250, 60)}{after}"
    )
    try:
        found = shimmed.run(tmp_path, command)
    finally:
        small.clear()
    assert (found["cause"], found["out_of_memory"]) == ("exit", True)
    assert (found["exit_code"], found["signal"]) == (code, number)


def test_a_kill_that_was_not_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is the machine's, so it is injected: others may run out of memory now."""
    kills = [5]
    monkeypatch.setattr(machine, "oom_kills", lambda: kills[-1])
    watch = Watch(shimmed.spec_of(tmp_path, "true"))
    watch.begin()
    assert not watch.killed_by_kernel(-9)  # ended before it was looked at
    eventually(lambda: watch.look() is None and watch._ooms)
    assert not watch.killed_by_kernel(-9)
    kills.append(6)
    assert watch.killed_by_kernel(-9)
    assert watch.killed_by_kernel(137)
    assert not watch.killed_by_kernel(1)


# Version 2 of control groups as far as it goes: here its memory controller can't be had, as version 1 has
# it. The directories are plain ones with the files that a kernel would put there.


def fake(root: Path, **files: str) -> Path:
    """Make a /proc/self of a process in /a/b of a tree of version 2; a__memory_max is a/memory.max."""
    proc, tree = root / "proc", root / "tree"
    for folder in (proc, tree / "a/b"):
        folder.mkdir(parents=True)
    (proc / "cgroup").write_text("0::/a/b\n")
    (proc / "mountinfo").write_text(f"30 1 0:1 / {tree} rw,relatime shared:1 - cgroup2 cgroup2 rw\n")
    (tree / "a/b/cgroup.controllers").write_text("cpu memory\n")
    for name, text in files.items():
        where, what = name.rsplit("__", 1)
        (tree / where.replace("_", "/") / what.replace("_", ".", 1)).write_text(text)
    return proc


def test_limits_of_version_2_count_from_every_level(tmp_path: Path) -> None:
    """Simulated: see above."""
    proc = str(
        fake(tmp_path, a__memory_max="1000\n", a_b__memory_max="max\n", a_b__cpu_max="150000 100000\n")
    )
    assert cgroups.memory_limit(proc) == 1000
    assert cgroups.cpu_limit(proc) == 1.5
    assert cgroups.memory_limit(str(fake(tmp_path / "none", a__memory_max="max\n"))) is None


def test_where_version_2_lets_us_make_groups(tmp_path: Path) -> None:
    """Simulated: see above. Not in a group with processes, and not where that would leave a limit behind."""
    proc = str(fake(tmp_path, a__cgroup_subtree_control="cpu memory\n"))
    tree = tmp_path / "tree"
    assert cgroups.place_for_limits(proc=proc) == str(tree / "a")
    (tree / "a/b/memory.max").write_text("1000\n")
    assert cgroups.place_for_limits(proc=proc) is None
    (tree / "a/b/memory.max").write_text("max\n")
    (tree / "a/cgroup.subtree_control").write_text("cpu\n")
    assert cgroups.place_for_limits(proc=proc) is None


def test_a_group_of_version_2(tmp_path: Path) -> None:
    """Simulated: see above. The job itself does what the kernel would."""
    (tmp_path / "cgroup.controllers").write_text("memory\n")
    group = tmp_path / "group"
    group.mkdir()
    (group / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    (group / "memory.peak").write_text(f"{199 * MIB}\n")
    killed = f"cat {group}/cgroup.procs; echo oom_kill 1 > {group}/memory.events; kill -9 $$"
    found = shimmed.run(tmp_path, killed, memory=200 * MIB, cgroup=str(group))
    assert (found["cause"], found["signal"], found["peak_memory"]) == ("memory", 9, 199 * MIB)
    assert (group / "memory.max").read_text() == str(200 * MIB)
    assert (group / "memory.swap.max").read_text() == "0"
    assert (group / "memory.oom.group").read_text() == "1"
    assert RunPaths(tmp_path).log.read_text() == "0"


def test_a_tree_of_which_a_container_sees_a_part(tmp_path: Path) -> None:
    proc, tree = tmp_path / "proc", tmp_path / "memory"
    for folder in (proc, tree / "inner"):
        folder.mkdir(parents=True)
    (proc / "cgroup").write_text("4:memory:/docker/abc/inner\n")
    (proc / "mountinfo").write_text(f"35 31 0:32 /docker/abc {tree} rw - cgroup cgroup rw,memory\n")
    assert cgroups.own("memory", str(proc)) == cgroups.Group(1, str(tree), str(tree / "inner"))
    (proc / "cgroup").write_text("4:memory:/elsewhere\n")
    assert cgroups.own("memory", str(proc)) == cgroups.Group(1, str(tree), str(tree))


# --- CPUs, GPUs, and all of it with a service ------------------------------------------------------


def test_cpus_that_are_not_there_hold_nobody(tmp_path: Path) -> None:
    all_of_them = sorted(os.sched_getaffinity(0))
    show = f"{sys.executable} -c 'import os; print(sorted(os.sched_getaffinity(0)))'"
    for number, cpus in enumerate(([all_of_them[-1]], [1000], [])):
        folder = tmp_path / str(number)
        folder.mkdir()
        shimmed.run(folder, show, cpus=cpus)
    logs = [(tmp_path / str(number) / "log").read_text() for number in range(3)]
    assert logs == [f"{[all_of_them[-1]]}\n", f"{all_of_them}\n", f"{all_of_them}\n"]


def test_gpus_are_counted_by_the_drivers_library(tmp_path: Path) -> None:
    """A library of our own in the place of NVIDIA's, which needs a GPU."""
    source = tmp_path / "nvml.c"
    source.write_text(
        "int nvmlInit_v2(void) { return 0; } int nvmlShutdown(void) { return 0; }\n"
        "int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "libnvidia-ml.so.1", source], check=True)
    code = "from jobs_jupyter.service import machine; print(machine.gpu_indices())"
    command = [sys.executable, "-c", code]
    with_library = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path)}
    assert subprocess.check_output(command, env=with_library, text=True) == "(0, 1, 2)\n"


def test_threads_and_gpus_by_the_words_of_libraries() -> None:
    base = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "16", "OPENBLAS_NUM_THREADS": "many"}
    threads = environment._threads(4, base)
    assert "OMP_NUM_THREADS" not in threads
    assert {threads[name] for name in environment.THREADS[1:]} == {"4"}
    assert environment._threads(None, base) == {}
    assert environment._gpus(None, {}) == {}
    assert environment._gpus("1,3", {})["CUDA_VISIBLE_DEVICES"] == "1,3"
    assert environment._gpus("", {"CUDA_DEVICE_ORDER": "x"}) == {
        "CUDA_VISIBLE_DEVICES": "",
        "HIP_VISIBLE_DEVICES": "",
        "NVIDIA_VISIBLE_DEVICES": "void",
    }


SHOW = """
import os
print(len(os.sched_getaffinity(0)), *[os.environ.get(name, "-") for name in (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES")])
"""


def head(**resources: object) -> dict[str, object]:
    return {"head_node": {"required_resources": resources}}


def test_jobs_with_a_service(service: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (*environment.THREADS, *environment.GPUS):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "show.py").write_text(SHOW)
    where = {"working_dir": str(tmp_path)}
    one = run("python show.py", compute_config=head(CPU=1, memory="1Gi"), **where)
    own = run(
        "python show.py",
        compute_config=head(CPU=1, memory="1Gi"),
        env_vars={"OMP_NUM_THREADS": "7", "CUDA_VISIBLE_DEVICES": "5"},
        **where,
    )
    free = run("python show.py", **where)
    logs = [job.get_logs(id=status.id) for status in (one, own, free)]
    assert logs == ["1 1 1 \n", "1 7 1 5\n", f"{len(machine.cpu_indices())} - - -\n"]
    hog = run(HOG.format(250, 600), compute_config=head(CPU=1, memory="200Mi"))
    assert hog.reason is not None
    assert hog.reason.startswith("killed: out of memory, peak 2")
    assert hog.reason.endswith(" MiB (limit 200.0 MiB)")
    (at_end,) = hog.runs
    assert at_end.cpu_time_s is not None
    assert at_end.cpu_time_s > 0
    assert at_end.peak_memory is not None
    assert at_end.peak_memory > 190 * MIB
    assert json.loads((service / "jobs" / hog.id / "runs" / at_end.name / "exit.json").read_text())["limit"]
    lost = submit(HOG.format(10, 600), compute_config=head(CPU=1, memory="200Mi"))
    paths = StatePaths(service).job(running(lost)).run(job.status(id=lost).runs[0].name)
    claim = json.loads(paths.claim(1).read_text())
    eventually(lambda: paths.log.exists() and paths.log.read_text())
    os.kill(claim["pid"], signal.SIGKILL)
    assert ended(lost).reason == "lost: the process that watched over it was killed"
    assert claim["cgroup"] is None or not os.path.exists(claim["cgroup"])
