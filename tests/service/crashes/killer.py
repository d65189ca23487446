"""Kills: the service at chosen points and at random moments, its warm process, and shims."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import machine
from tests.service.crashes.early import crash_points

OUTSIDE, WARM, SHIM, SLOW = (
    "from outside",
    "the warm process",
    "a shim",
    "from outside, its warm process late",
)
LATE_S = 0.3
UNARMED_S = 3.0
FREQUENT = 6
"""Of a point that is passed often, up to this passing is waited for."""
RARE = (
    "changes.archive",
    "changes.drop_tags",
    "runs.launch_again",
    "changes.remove",
    "changes.request_stop",
    "changes.set_tags",
    "line.",
    "job_queues.",
    "packages.",
    "LocalRunner._fill",
    "LocalRunner.adopt",
    "LocalRunner.stop",
    "PackageFiles.",
    "Supervisor._start_again",
    "Supervisor._sweep",
    "Shims.warm_up",
    "remove_tree",
    "scrub",
    "signal_all",
    "unix_socket",
)
"""Parts of the names of points that a service passes a few times in its life at most."""


class Killer:
    """Kills what belongs to one state directory, until it is told to stop.

    `lost` has the names of the runs that lost their shim. A warm process that is late, since it was
    suspended, finds what its service asked of it when the next service has asked for the same.

    Args:
        home: the state directory.
        chance: decides what dies next.
    """

    def __init__(self, home: Path, chance: random.Random) -> None:
        self.home = home
        self.kills: Counter[str] = Counter()
        self.lost: set[str] = set()
        self._chance = chance
        self._left: list[str | None] = []
        self._late: list[psutil.Process] = []

    def run(self, until: float) -> None:
        """Kill until that time (of time.monotonic)."""
        while time.monotonic() < until:
            plan = self._plan()
            pid = self._taken(until)
            if pid is None:
                continue
            self._while_it_lives(pid, self._lifetime(plan))
        self._go_on(self._late)
        crash_points.plan_of(self.home).unlink(missing_ok=True)
        hits = crash_points.hits_of(self.home)
        self.kills.update(hits.read_text().splitlines() if hits.exists() else [])

    def _plan(self) -> str | None:
        """Say at which point the next service dies, each in its turn; None: at none, but from outside."""
        place = crash_points.plan_of(self.home)
        if place.exists():
            point: str | None = json.loads(place.read_text())["point"]
            return point
        if not self._left:
            self._left = [*crash_points.names(), *[None] * 20]
            self._chance.shuffle(self._left)
        point = self._left.pop()
        most = 1 if point is None or any(part in point for part in RARE) else FREQUENT
        plan = {"point": point, "nth": self._chance.randint(1, most)}
        scratch = place.with_suffix(".new")
        scratch.write_text(json.dumps(plan))
        scratch.rename(place)
        return point

    def _lifetime(self, point: str | None) -> float:
        """Return for how many seconds a service may live that dies at no point."""
        return self._chance.uniform(0.0, 1.5) if point is None else self._chance.uniform(1.0, 3.5)

    def _taken(self, until: float) -> int | None:
        """Wait until a service has taken the plan, and return its pid."""
        began = time.monotonic()
        while time.monotonic() < until:
            for taken in self.home.parent.glob(f"{self.home.name}.taken-*"):
                taken.unlink()
                return int(taken.name.rpartition("-")[2])
            if time.monotonic() > began + UNARMED_S and (pid := self._serving()):
                return pid
            time.sleep(0.005)
        return None

    def _serving(self) -> int | None:
        """Return the pid of the service that runs; it began before there was a plan."""
        try:
            known = json.loads((self.home / "service.json").read_text())
        except (OSError, ValueError):
            return None
        return int(known["pid"]) if machine.is_alive(known["pid"], known["start"]) else None

    def _while_it_lives(self, pid: int, seconds: float) -> None:
        late, self._late = self._late, []
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            self._go_on(late)
            return
        try:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not self._late:
                if select.select([process], [], [], min(left, self._chance.uniform(0.2, 2.0)))[0]:
                    return
                self._go_on(late)
                self._strike(pid)
            if not select.select([process], [], [], LATE_S if self._late else 0)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                self.kills[SLOW if self._late else OUTSIDE] += 1
        finally:
            os.close(process)
            self._go_on(late)

    def _go_on(self, late: list[psutil.Process]) -> None:
        while late:
            _hit(late.pop(), signal.SIGCONT)

    def _strike(self, service: int) -> None:
        """Now and then hit something else."""
        what = self._chance.random()
        if what < 0.1:
            for process in _warm_processes(service):
                _hit(process, signal.SIGKILL)
                self.kills[WARM] += 1
        elif what < 0.2:
            self._kill_a_shim()
        elif what < 0.5:
            self._late = _warm_processes(service)
            for process in self._late:
                _hit(process, signal.SIGSTOP)

    def _kill_a_shim(self) -> None:
        claims = list(StatePaths(self.home).jobs.glob("*/runs/*/claim-*[0-9]"))
        self._chance.shuffle(claims)
        for claim in claims:
            if self._kill_claimant(claim):
                return

    def _kill_claimant(self, claim: Path) -> bool:
        try:
            known: dict[str, Any] = json.loads(claim.read_text())
            process = os.pidfd_open(known["pid"])
        except (OSError, ValueError, TypeError):
            return False  # revoked, deleted, being written, or ended
        try:
            if not machine.is_alive(known["pid"], known["start"]):
                return False
            self.lost.add(claim.parent.name)
            signal.pidfd_send_signal(process, signal.SIGKILL)
            self.kills[SHIM] += 1
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(process)


def _warm_processes(service: int) -> list[psutil.Process]:
    """Return the process that forks a service's shims, if it is there; its shims are not its."""
    found = []
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(service).children():
            if "shim.py" in " ".join(child.cmdline()):
                found.append(child)
    return found


def _hit(process: psutil.Process, number: int) -> None:
    with contextlib.suppress(psutil.Error):
        process.send_signal(number)
