"""What a process's descendants use: CPU time and memory, from what the platform tells.

The shim imports this file in an interpreter without `site`: nothing beyond the standard library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import NamedTuple

LINUX = sys.platform.startswith("linux")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_CHILDREN_KNOWN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


class Process(NamedTuple):
    """One process: what it and the children that it waited for have used of CPU, and its memory now."""

    pid: int
    parent: int
    cpu_s: float
    memory: int  # bytes, shared ones in full


def below(root: int) -> list[Process]:
    """Return all processes below `root`, the nearest first, those that set a session of their own as well."""
    if LINUX and _CHILDREN_KNOWN:
        return list(_descend(root))
    children: dict[int, list[Process]] = {}
    for process in _everything() if LINUX else _listed():
        children.setdefault(process.parent, []).append(process)
    found = list(children.get(root, []))
    for process in found:  # which grows meanwhile
        found += children.get(process.pid, [])
    return found


def proportional(pids: list[int]) -> int:
    """Return the bytes that processes use together, each page once; 0 where the platform does not tell."""
    return sum(_rollup(pid, (b"Pss:",)) for pid in pids)


def held(pids: list[int]) -> int:
    """Return the bytes that the kernel can't take back: `proportional` without the pages of files."""
    return sum(_rollup(pid, (b"Pss_Anon:", b"Pss_Shmem:")) for pid in pids)


def _descend(root: int) -> Iterator[Process]:
    waiting = [root]
    for pid in waiting:  # which grows meanwhile
        if pid != root and (process := _read(pid)):
            yield process
        waiting += _children(pid)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _bytes(f"/proc/{pid}/task/{task}/children").split())
    except OSError:
        pass  # it has ended meanwhile
    return found


def _everything() -> Iterator[Process]:
    for name in os.listdir("/proc"):
        if name.isdigit() and (process := _read(int(name))):
            yield process


def _read(pid: int) -> Process | None:
    fields = _bytes(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if not fields:
        return None
    ticks = sum(map(int, fields[11:15]))  # user, system; the same of children that it waited for
    return Process(pid, int(fields[1]), ticks / _TICKS, int(fields[21]) * _PAGE)


def _rollup(pid: int, names: tuple[bytes, ...]) -> int:
    lines = _bytes(f"/proc/{pid}/smaps_rollup").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(names)) * 1024


def _bytes(path: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, 65536)
        finally:
            os.close(descriptor)
    except OSError:
        return b""


def _listed() -> Iterator[Process]:
    """Yield every process as `ps` lists it: macOS, which has no /proc."""
    import subprocess

    command = ["ps", "-axo", "pid=,ppid=,rss=,time="]
    for line in subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines():
        pid, parent, memory, cpu = line.split()
        minutes, _, seconds = cpu.rpartition(":")
        hours, _, minutes = minutes.rpartition(":")
        cpu_s = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds)
        yield Process(int(pid), int(parent), cpu_s, int(memory) * 1024)
