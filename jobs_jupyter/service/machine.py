"""What only Linux or only macOS has, behind one interface.

The shim imports this file too, in an interpreter without `site`, so it uses nothing beyond the
standard library and imports what is rarely needed late.

A process is identified by its pid together with its start time: a pid alone is reused.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys

from jobs_jupyter.service import cgroups

LINUX = sys.platform.startswith("linux")
MAXRSS_UNIT = 1024 if LINUX else 1  # bytes that an rusage's ru_maxrss counts in
_PR_SET_CHILD_SUBREAPER = 36
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # macOS: RENAME_SWAP
_PUNCH_HOLE = 0x1 | 0x2  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_F_PUNCHHOLE = 99  # macOS
_FICLONE = 0x40049409
_LIBC = ctypes.CDLL(None, use_errno=True)
_PRCTL = _LIBC.prctl if LINUX else None  # looked up once: each shim is a copy of the process that did


def boot_id() -> str:
    """Return what changes when, and only when, the machine restarts."""
    if LINUX:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    return _output("sysctl", "-n", "kern.bootsessionuuid").strip()


def cpu_indices() -> tuple[int, ...]:
    """Return the CPUs that this process may use, as many of them as its control group lets it keep busy."""
    if not LINUX:
        return tuple(range(os.cpu_count() or 1))
    usable = sorted(os.sched_getaffinity(0))
    limit = cgroups.cpu_limit()
    return tuple(usable if limit is None else usable[: max(1, int(limit))])


def use_cpus(indices: list[int]) -> None:
    """Keep this process and its children to these CPUs; to all where none of them is there (or on macOS)."""
    if LINUX and (usable := os.sched_getaffinity(0).intersection(indices)):
        os.sched_setaffinity(0, usable)


def memory_bytes() -> int:
    """Return the machine's memory, or what this process's control group may use if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = cgroups.memory_limit() if LINUX else None
    return total if limit is None else min(total, limit)


def gpu_indices() -> tuple[int, ...]:
    """Return the NVIDIA GPUs of this machine, by the numbers that `nvidia-smi` gives them."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        count = ctypes.c_uint()
        if nvml.nvmlInit_v2() == 0:
            there = nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) == 0
            nvml.nvmlShutdown()
            if there:
                return tuple(range(count.value))
    except (OSError, AttributeError):
        pass  # no driver's library, or one that is older than these functions
    try:
        return tuple(range(len(os.listdir("/proc/driver/nvidia/gpus"))))
    except OSError:
        return ()


def gpu_models(root: str = "/proc/driver/nvidia/gpus") -> tuple[str, ...]:
    """Return the models of the NVIDIA GPUs, such as `Tesla T4`, in the order of their numbers."""
    found = []
    try:
        for bus in sorted(os.listdir(root)):
            with open(f"{root}/{bus}/information") as file:
                found += [line.partition(":")[2].strip() for line in file if line.startswith("Model:")]
    except OSError:
        return ()  # no driver, or one that doesn't say
    return tuple(found)


def peak_memory() -> int:
    """Return the most bytes of memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def oom_kills() -> int:
    """Return how many processes the kernel has killed for want of memory; 0 where it does not tell."""
    with contextlib.suppress(OSError), open("/proc/vmstat", "rb") as file:
        for line in file.read().splitlines():
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    return 0


def punch_hole(descriptor: int, start: int, end: int) -> None:
    """Give a part of a file back to the file system; it reads as zeros, and all else keeps its offset.

    OSError: this file system can't do that. On macOS `start` and `end` have to be multiples of a block.
    """
    if LINUX:
        size = ctypes.c_int64
        if _LIBC.fallocate(descriptor, _PUNCH_HOLE, size(start), size(end - start)):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    else:
        import fcntl
        import struct

        fcntl.fcntl(descriptor, _F_PUNCHHOLE, struct.pack("=IIqq", 0, 0, start, end - start))


def sync(path: str) -> None:
    """Wait until all that was written to the file system of a directory is on disk.

    Others' file systems, which may be slow, are not waited for where the platform can tell them apart.
    """
    if not hasattr(_LIBC, "syncfs"):
        os.sync()
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _LIBC.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(descriptor)


def unnamed_file(content: bytes) -> int:
    """Return a descriptor, at its beginning, of a file without a name: in memory, where that can be."""
    if LINUX:
        descriptor = os.memfd_create("jobs_jupyter")
    else:
        import tempfile

        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
    while content:
        content = content[os.write(descriptor, content) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def start_time(pid: int) -> str | None:
    """Return when the process `pid` started, or None where there is none (or only its zombie)."""
    if LINUX:
        fields = _stat(pid)
        return None if fields is None or fields[0] in ("Z", "X") else fields[19]
    line = _output("ps", "-o", "stat=,lstart=", "-p", str(pid)).strip()
    return None if not line or line.startswith("Z") else line.split(None, 1)[1]


def is_alive(pid: int, started: str) -> bool:
    """Whether the process that had this pid and start time still runs."""
    return start_time(pid) == started


def swap(one: str, other: str) -> None:
    """Exchange two directories of one file system at once; `OSError` where that can't be done."""
    first, second = os.fsencode(one), os.fsencode(other)
    if LINUX:
        failed = _LIBC.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _RENAME_EXCHANGE)
    else:
        failed = _LIBC.renamex_np(first, second, _RENAME_EXCHANGE)
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one)


def clone(source: str, target: str) -> bool:
    """Make `target` a copy that shares its blocks with `source` until one of them is written.

    Returns False, and leaves nothing, where the file system or the platform has no such thing.
    """
    if not LINUX:
        return hasattr(_LIBC, "clonefile") and not _LIBC.clonefile(
            os.fsencode(source), os.fsencode(target), 0
        )
    import fcntl

    with open(source, "rb") as old, open(target, "xb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            os.unlink(target)
            return False
    return True


def become_subreaper() -> None:
    """Make orphaned descendants children of this process, where the platform can (Linux)."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Return the pids of all processes below `root`, the nearest first.

    On macOS, where orphans go to launchd, the members of `root`'s session count as well.
    """
    parents: dict[int, list[int]] = {}
    session: list[int] = []
    for pid, parent, sid in _processes():
        parents.setdefault(parent, []).append(pid)
        if sid == root and pid != root:
            session.append(pid)
    found: list[int] = []
    queue = [root]
    while queue:
        children = parents.get(queue.pop(0), [])
        found += children
        queue += children
    return found if LINUX else list(dict.fromkeys(found + session))


def signal_all(pids: list[int], number: int) -> None:
    """Send a signal to each process that is still there and ours."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def kill_leftovers(session: int, marker: str) -> int:
    """Kill what a dead shim left: its session, and processes whose environment holds `marker`.

    A session's id is not reused while the session has members, so where no process has that pid,
    the members are the dead shim's. Returns how many were killed.
    """
    killed = 0
    for _ in range(50):
        there = _processes()
        orphaned = all(pid != session for pid, _, _ in there)
        mine = [
            pid
            for pid, _, sid in there
            if pid != os.getpid() and ((orphaned and sid == session) or _has(pid, marker))
        ]
        if not mine:
            break
        signal_all(mine, signal.SIGKILL)
        killed += len(mine)
    return killed


def exit_descriptor(pid: int) -> int | None:
    """Return a descriptor that becomes readable when `pid` ends; None where it has ended already.

    Linux: a pidfd. macOS: a kqueue that watches the process.
    """
    try:
        if LINUX:
            return os.pidfd_open(pid)
        return _kqueue_of(pid)
    except ProcessLookupError:
        return None


def _kqueue_of(pid: int) -> int:
    import select

    make = vars(select)["kqueue"]
    event = vars(select)["kevent"]
    queue = make()
    # KQ_FILTER_PROC, KQ_EV_ADD | KQ_EV_ENABLE, KQ_NOTE_EXIT
    queue.control([event(pid, filter=-5, flags=0x1 | 0x4, fflags=0x80000000)], 0)
    return os.dup(queue.fileno())


def _processes() -> list[tuple[int, int, int]]:
    """Return (pid, parent, session) of every process."""
    if not LINUX:
        rows = _output("ps", "-axo", "pid=,ppid=,sess=").split("\n")
        return [
            (int(a), int(b), os.getsid(int(a)) if _exists(int(a)) else 0)
            for a, b, *_ in map(str.split, rows)
            if a
        ]
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))) and fields[0] not in ("Z", "X"):
            found.append((int(name), int(fields[1]), int(fields[3])))
    return found


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on; the name before may hold anything."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(descriptor, 4096).rpartition(b")")[2].decode().split()
    except OSError:  # it has ended meanwhile
        return None
    finally:
        os.close(descriptor)


def _has(pid: int, marker: str) -> bool:
    if not LINUX:
        return False
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return marker.encode() in file.read().split(b"\0")
    except OSError:
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _output(*command: str) -> str:
    import subprocess

    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
