"""Control groups, by which Linux limits memory and CPUs: what holds for this process, and groups of our own.

Of version 1, where each controller has a tree of its own, and of version 2. The shim imports this
file in an interpreter without `site`, so it uses nothing beyond the standard library.

A group for a run is made below a group that this process is in, so that it can't use more than was
given to us. In version 2 a group that has processes can't have children with limits; there it is
made beside ours, below the nearest group that can, if no limit lies in between.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import NamedTuple

PROC = "/proc/self"
NO_LIMIT = 1 << 60  # version 1 writes a number near 2**63 where there is no limit
PROBE = "jobs_jupyter-probe"
PROBE_LIMIT = 64 << 20
REMOVE_TRIES = 50
REMOVE_EVERY_S = 0.01


class Group(NamedTuple):
    """The group of this process in one tree."""

    version: int
    mount: str  # the highest group of the tree that can be seen
    folder: str

    def upwards(self) -> Iterator[str]:
        """Yield this group's directory and those above it."""
        here = self.folder
        yield here
        while here != self.mount:
            here = os.path.dirname(here)
            yield here


def own(controller: str, proc: str = PROC) -> Group | None:
    """Return this process's group in the tree that has the controller; None: there is no such tree."""
    names = _names(proc)
    for mount, root, kind, options in _mounts(proc):
        if kind == "cgroup" and controller in options and controller in names:
            return Group(1, mount, _folder(mount, root, names[controller]))
        if kind == "cgroup2" and "" in names:
            group = Group(2, mount, _folder(mount, root, names[""]))
            if controller in _text(f"{group.folder}/cgroup.controllers").split():
                return group
    return None


def memory_limit(proc: str = PROC) -> int | None:
    """Return the bytes of memory that this process and its like may use together; None: no limit."""
    group = own("memory", proc)
    if group is None:
        return None
    name = "memory.max" if group.version == 2 else "memory.limit_in_bytes"
    found = [_number(f"{folder}/{name}") for folder in group.upwards()]
    return min((limit for limit in found if limit is not None), default=None)


def cpu_limit(proc: str = PROC) -> float | None:
    """Return how many CPUs' time this process and its like may use together; None: no limit."""
    group = own("cpu", proc)
    found = [_quota(group.version, folder) for folder in group.upwards()] if group else []
    return min((limit for limit in found if limit is not None), default=None)


def place_for_limits(delegated: str | None = None, proc: str = PROC) -> str | None:
    """Return the directory in which groups with a memory limit can be made; None: there is none.

    It is tried: such a group is made, a process enters it, and it is removed. Where a group was
    `delegated`, it is that one or none.
    """
    if delegated is not None:
        return delegated if os.path.exists(f"{delegated}/cgroup.procs") and _works(delegated) else None
    group = own("memory", proc)
    if group is None:
        return None
    places = [group.folder] if group.version == 1 else _delegated(group)
    return next((place for place in places if _works(place)), None)


class MemoryGroup:
    """A group with a memory limit, for one run."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        parent = os.path.dirname(folder)
        self._version = 2 if os.path.exists(f"{parent}/cgroup.controllers") else 1

    def make(self, limit: int) -> None:
        """Make it, with its limit in bytes; swapping does not help to exceed it. Raises an OSError."""
        with contextlib.suppress(FileExistsError):  # of a try to start the run that got no further
            os.mkdir(self.folder)
        if self._version == 2:
            self._write("memory.max", str(limit))
            optional = {"memory.swap.max": "0", "memory.oom.group": "1"}
        else:
            self._write("memory.limit_in_bytes", str(limit))
            optional = {"memory.memsw.limit_in_bytes": str(limit)}
        for name, text in optional.items():
            with contextlib.suppress(OSError):
                self._write(name, text)

    def enter(self) -> None:
        """Move this process into it; its children will be born there."""
        self._write("cgroup.procs", "0")

    def kills(self) -> int:
        """Return how many processes the kernel has killed for want of memory."""
        name = "memory.events" if self._version == 2 else "memory.oom_control"
        for line in _text(f"{self.folder}/{name}").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
        return 0

    def peak(self) -> int:
        """Return the most bytes that were in use at once; 0: this kernel does not tell."""
        name = "memory.peak" if self._version == 2 else "memory.max_usage_in_bytes"
        return _number(f"{self.folder}/{name}") or 0

    def clear(self) -> None:
        """Kill what is left in it, and remove it; harmless where it is gone."""
        for _ in range(REMOVE_TRIES):
            for folder, _, _ in os.walk(self.folder, topdown=False):
                _kill_members(folder)
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            if not os.path.exists(self.folder):
                return
            time.sleep(REMOVE_EVERY_S)  # what was killed takes a moment to go

    def _write(self, name: str, text: str) -> None:
        with open(f"{self.folder}/{name}", "w") as file:
            file.write(text)


def _names(proc: str) -> dict[str, str]:
    """Return the group's name in each controller's tree; that of version 2 has the key ''."""
    found = {}
    for line in _text(f"{proc}/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), name))
    return found


def _mounts(proc: str) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield mount point, root within the tree, kind and options of each mounted tree."""
    for line in _text(f"{proc}/mountinfo").splitlines():
        place, _, kind = line.partition(" - ")
        if kind.startswith("cgroup"):
            fields = place.split()
            name, _, options = kind.split(None, 2)
            yield fields[4], fields[3], name, options.split(",")


def _folder(mount: str, root: str, name: str) -> str:
    """Return a group's directory; where a container shows only a part of the tree, that part's top."""
    inside = name if root == "/" else name.removeprefix(root) if f"{name}/".startswith(f"{root}/") else ""
    folder = os.path.normpath(f"{mount}/{inside.lstrip('/')}")
    return folder if os.path.isdir(folder) and folder.startswith(mount) else mount


def _quota(version: int, folder: str) -> float | None:
    if version == 2:
        quota, _, period = _text(f"{folder}/cpu.max").partition(" ")
        return int(quota) / int(period) if quota.isdigit() else None
    quota_us, period_us = _number(f"{folder}/cpu.cfs_quota_us"), _number(f"{folder}/cpu.cfs_period_us")
    return quota_us / period_us if quota_us and period_us else None


def _delegated(group: Group) -> Iterator[str]:
    """Yield the groups of version 2, from ours up, whose children can be limited, up to the first limit."""
    for folder in group.upwards():
        if "memory" in _text(f"{folder}/cgroup.subtree_control").split():
            yield folder
        if _number(f"{folder}/memory.max") is not None:
            return


def _works(place: str) -> bool:
    import subprocess

    probe = MemoryGroup(f"{place}/{PROBE}-{os.getpid()}")
    try:
        probe.make(PROBE_LIMIT)
        move = ["/bin/sh", "-c", 'echo 0 > "$1"', "sh", f"{probe.folder}/cgroup.procs"]
        return subprocess.run(move, stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False
    finally:
        probe.clear()


def _kill_members(folder: str) -> None:
    for pid in map(int, _text(f"{folder}/cgroup.procs").split()):
        if pid:  # 0 is one that can't be seen from here, and to kill() it is ourselves
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)


def _text(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


def _number(path: str) -> int | None:
    """Return a limit or an amount; None where there is none, which is written in several ways."""
    text = _text(path).strip()
    return int(text) if text.isdigit() and int(text) < NO_LIMIT else None
