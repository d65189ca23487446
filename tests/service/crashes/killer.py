"""Kills: the service at chosen points and at random moments, its warm process, and shims."""

from __future__ import annotations

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

OUTSIDE, WARM, SHIM = "from outside", "the warm process", "a shim"
FREQUENT = 6
"""Of a point that is passed often, up to this passing is waited for."""
RARE = (
    "changes.archive",
    "changes.launch_again",
    "changes.remove",
    "line.remove",
    "line.stop_cluster",
    "packages.release",
    "listener",
    "unix_socket",
    "_sweep",
    "warm_up",
    "_start_again",
    "adopt",
    "drop",
    "scrub",
)
"""Parts of the names of points that a service passes a few times in its life at most."""


class Killer:
    """Kills what belongs to one state directory, until it is told to stop.

    Args:
        home: the state directory.
        chance: decides what dies next.
        shims: whether shims are killed too; `lost` has the names of the runs that lost theirs.
    """

    def __init__(self, home: Path, chance: random.Random, *, shims: bool = True) -> None:
        self.home = home
        self.kills: Counter[str] = Counter()
        self.lost: set[str] = set()
        self._chance = chance
        self._shims = shims
        self._left: list[str | None] = []

    def run(self, until: float) -> None:
        """Kill until that time (of time.monotonic)."""
        while time.monotonic() < until:
            plan = self._plan()
            pid = self._taken(until)
            if pid is None:
                continue
            self._while_it_lives(pid, self._lifetime(plan))
        crash_points.plan_of(self.home).unlink(missing_ok=True)
        hits = crash_points.hits_of(self.home)
        self.kills.update(hits.read_text().splitlines() if hits.exists() else [])

    def _plan(self) -> str | None:
        """Say at which point the next service dies, each in its turn; None: at none, but from outside."""
        place = crash_points.plan_of(self.home)
        if place.exists():
            return str(json.loads(place.read_text())["point"])
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
        return self._chance.uniform(0.0, 1.5) if point is None else self._chance.uniform(0.5, 2.5)

    def _taken(self, until: float) -> int | None:
        """Wait until a service has taken the plan, and return its pid."""
        pattern = f"{self.home.name}.taken-*"
        while time.monotonic() < until:
            for taken in self.home.parent.glob(pattern):
                taken.unlink()
                return int(taken.name.rpartition("-")[2])
            time.sleep(0.005)
        return None

    def _while_it_lives(self, pid: int, seconds: float) -> None:
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                if select.select([process], [], [], min(left, self._chance.uniform(0.2, 2.0)))[0]:
                    return
                self._strike(pid)
            if not select.select([process], [], [], 0)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
                self.kills[OUTSIDE] += 1
        finally:
            os.close(process)

    def _strike(self, service: int) -> None:
        """Now and then kill something else."""
        what = self._chance.random()
        if what < 0.1:
            self._kill_warm_process(service)
        elif what < 0.2 and self._shims:
            self._kill_a_shim()

    def _kill_warm_process(self, service: int) -> None:
        try:
            for child in psutil.Process(service).children():
                if "shim.py" in " ".join(child.cmdline()):
                    child.kill()
                    self.kills[WARM] += 1
        except psutil.Error:
            return

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
