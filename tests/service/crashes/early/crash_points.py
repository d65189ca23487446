"""The points at which a service can be killed, between any two of its durable steps.

A plan is a file beside the state directory: `{"point": name, "nth": n}`. A service takes it when it
begins, by renaming it, and dies by SIGKILL when it passes that point the n-th time. The product knows
nothing of this: its functions are wrapped in a process that has this directory on its path.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

COMMITS = (
    "changes.add_job",
    "changes.archive",
    "runs.begin_run",
    "changes.drop_tags",
    "runs.end_run",
    "runs.launch_again",
    "changes.remove",
    "changes.request_stop",
    "runs.run_started",
    "changes.set_tags",
    "job_queues.change",
    "line.due",
    "job_queues.remove",
    "line.stop_cluster",
    "packages.add_package",
    "packages.release",
)
"""Changes of the store, by module and function."""

AT_COMMIT = ("before the commit of", "after the commit of", "after handing over")

CALLS = (
    ("environment", "Kept.save"),
    ("environment", "make_durable"),
    ("listener", "unix_socket"),
    ("runners.local", "LocalRunner._fill"),
    ("runners.local", "LocalRunner._finish"),
    ("runners.local", "LocalRunner._spec"),
    ("runners.local", "LocalRunner.prepare"),
    ("preparation.modules", "Modules.prepare"),
    ("runners.local", "LocalRunner.adopt"),
    ("runners.local", "LocalRunner.start"),
    ("runners.local", "LocalRunner.stop"),
    ("runners.local", "read_exit"),
    ("machine", "signal_all"),
    ("packages", "PackageFiles.take_over"),
    ("packages", "PackageFiles.take_pack"),
    ("packages", "PackageFiles.add_manifest"),
    ("packages", "PackageFiles.drop"),
    ("packages", "PackageFiles.materialise"),
    ("packages", "PackageFiles.missing"),
    ("shims", "Shims.fork"),
    ("shims", "Shims.warm_up"),
    ("store.retention", "scrub"),
    ("supervisor", "Supervisor._look_again"),
    ("supervisor", "Supervisor._start_again"),
    ("supervisor", "Supervisor._sweep"),
    ("supervisor", "Supervisor._tidy"),
    ("supervisor", "remove_tree"),
)
"""Functions of the service, by module and name."""

AT_CALL = ("before", "after")
INSIDE = ("between the request for a shim and its answer", "amid a deletion", "amid a copy of a package")


def names() -> list[str]:
    """Return the name of each point."""
    commits = [f"{when} {change}" for change in COMMITS for when in AT_COMMIT]
    calls = [f"{when} {function}" for _, function in CALLS for when in AT_CALL]
    return [*commits, *calls, *INSIDE]


def plan_of(home: Path) -> Path:
    """Return the file in which the next service of a state directory finds its plan."""
    return home.with_name(f"{home.name}.plan")


def taken_by(home: Path, pid: int) -> Path:
    """Return what a service with that pid has renamed the plan to."""
    return home.with_name(f"{home.name}.taken-{pid}")


def hits_of(home: Path) -> Path:
    """Return the file with a line for each kill at a point: its name."""
    return home.with_name(f"{home.name}.hits")


def arm(arguments: list[str]) -> None:
    """In a service's process: take the plan that there may be, and have it carried out."""
    home = Path(arguments[arguments.index("--home") + 1])
    try:
        plan = json.loads(plan_of(home).read_text())
        plan_of(home).rename(taken_by(home, os.getpid()))
    except FileNotFoundError:
        return
    if plan["point"] is not None:
        _wrap_all(Trap(plan["point"], plan["nth"], hits_of(home)))


class Trap:
    """Kills this process when it passes one point for the n-th time."""

    def __init__(self, point: str, nth: int, hits: Path) -> None:
        self._point = point
        self._left = nth
        self._hits = hits
        self._lock = threading.Lock()

    def passing(self, point: str) -> None:
        """Say that a point is passed."""
        if point != self._point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                with self._hits.open("a") as file:
                    file.write(f"{point}\n")
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a point before and one after it."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: Any, **kwargs: Any) -> Any:
                self.passing(f"before {name}")
                result = await function(*args, **kwargs)
                self.passing(f"after {name}")
                return result

            return later

        @functools.wraps(function)
        def at_once(*args: Any, **kwargs: Any) -> Any:
            self.passing(f"before {name}")
            result = function(*args, **kwargs)
            self.passing(f"after {name}")
            return result

        return at_once

    def before(self, point: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with a point before it."""

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.passing(point)
            return function(*args, **kwargs)

        return wrapped


def _wrap_all(trap: Trap) -> None:
    import asyncio
    import shutil

    from jobs_jupyter.service import listener, state  # noqa: F401 - state imports all the others

    for module, name in CALLS:
        owner, attribute = _place(sys.modules[f"jobs_jupyter.service.{module}"], name)
        setattr(owner, attribute, trap.around(name, getattr(owner, attribute)))
    asked, deletion, copy = INSIDE
    # nobody else in the service reads lines, removes directories or copies files
    reader: Any = asyncio.StreamReader
    reader.readline = trap.before(asked, reader.readline)
    vars(os)["rmdir"] = trap.before(deletion, os.rmdir)
    vars(shutil)["copyfile"] = trap.before(copy, shutil.copyfile)
    _wrap_commits(trap)


def _place(module: Any, name: str) -> tuple[Any, str]:
    """Return what holds the function of that dotted name, and what it is called there."""
    *above, last = name.split(".")
    return functools.reduce(getattr, above, module), last


def _wrap_commits(trap: Trap) -> None:
    """Put points around the transactions, by the changes that share one."""
    from jobs_jupyter.service.store.database import Database

    database: Any = Database
    commit, decide, hand_over = database._commit, database._decided, database._hand_over
    together: list[str] = []

    def committing(self: Any, writes: list[Any]) -> None:
        together[:] = [_name_of(write.change) for write in writes]
        commit(self, writes)

    def decided(self: Any, connection: Any) -> Any:
        decision = decide(self, connection)
        started = ["runs.begin_run"] if decision and decision.launches else []
        for name in _once(together + started):
            trap.passing(f"before the commit of {name}")
        return decision

    def handing_over(self: Any, writes: list[Any], events: Any, decision: Any) -> None:
        started = ["runs.begin_run"] if decision and decision.launches else []
        done = list(_once([*(_name_of(write.change) for write in writes), *started]))
        for name in done:
            trap.passing(f"after the commit of {name}")
        hand_over(self, writes, events, decision)
        for name in done:
            trap.passing(f"after handing over {name}")

    database._commit, database._decided, database._hand_over = committing, decided, handing_over


def _name_of(change: Callable[..., Any]) -> str:
    return f"{change.__module__.rpartition('.')[2]}.{change.__name__}"


def _once(found: list[str]) -> Iterator[str]:
    return iter(dict.fromkeys(found))
