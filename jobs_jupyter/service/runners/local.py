"""Runs as processes of this machine, each below a shim of its own that outlives the service."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from jobs_jupyter.models.errors import UnsupportedError, VaultError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import (
    cell_report,
    cgroups,
    containers,
    entrypoint,
    environment,
    left_out,
    machine,
    setup_log,
)
from jobs_jupyter.service.clock import SECOND
from jobs_jupyter.service.contained import Contained
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.masking import NO_MASKS, Masks
from jobs_jupyter.service.outcome import Outcome
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress, Setup, Step
from jobs_jupyter.service.preparation.connections import Connections
from jobs_jupyter.service.preparation.environments import Environments
from jobs_jupyter.service.preparation.executable import Executable
from jobs_jupyter.service.preparation.images import Images
from jobs_jupyter.service.preparation.modules import Modules
from jobs_jupyter.service.preparation.ray_version import RayVersion
from jobs_jupyter.service.preparation.registry_login import login_of
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.runners import Ended, Said
from jobs_jupyter.service.shims import Shims, on_exit
from jobs_jupyter.service.vault import Vault

log = logging.getLogger(__name__)
GRACE_S = 3.0
LOG_MAX_BYTES = 1 << 30
LONGEST_COMMAND = 131_071  # bytes: Linux's MAX_ARG_STRLEN, less the final zero


class LocalRunner:
    """Executes runs on this machine.

    A run's log may take `log_max_bytes` on disk (None: any number). Control groups for limits of
    memory are made below `cgroup`; None: where they can be, if anywhere. `engine` and `network` are for
    containers: see the settings `container_engine` and `container_network`.
    """

    def __init__(
        self,
        paths: StatePaths,
        packages: PackageFiles,
        vault: Vault,
        ended: Ended,
        said: Said,
        log_max_bytes: int | None = LOG_MAX_BYTES,
        cgroup: str | None = None,
        engine: str | None = None,
        network: str | None = None,
    ) -> None:
        self.paths = paths
        self.log_max_bytes = log_max_bytes
        self.cgroup = cgroup
        self.packages = packages
        self.shims = Shims()
        self.environments = Environments(paths, packages)
        self.images = Images(paths, packages, engine, network, partial(login_of, vault))
        self.steps: tuple[Step, ...] = (
            self.images,
            Executable(),
            self.environments,
            Modules(packages),
            RayVersion(),
            Connections(vault),  # last: what it reads may change
        )
        self._vault = vault
        self._ended = ended
        self._said = said
        self._preparing: dict[str, asyncio.Task[None]] = {}
        self._pids: dict[str, int] = {}
        self._finding: set[asyncio.Task[None]] = set()

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Refuse what this runner cannot honour, rather than ignore it."""
        if len(config.entrypoint.encode()) > LONGEST_COMMAND:
            raise UnsupportedError(
                f"The entrypoint has {len(config.entrypoint.encode())} bytes; a command has at most "
                f"{LONGEST_COMMAND} here. Put it into a script below working_dir."
            )
        if "\0" in config.entrypoint:
            raise UnsupportedError(
                "The entrypoint holds a NUL character, which no command can; leave it out."
            )
        environment.refuse(config)
        for step in self._steps_for(config):
            await step.refuse(config, interpreter)

    async def needed_by(self, job_id: str, config: JobConfig, interpreter: str | None) -> set[str]:
        """Return the names of what was made for a job's requirements, or is what it would ask for now."""
        if config.in_image:
            return await self.images.needed_by(job_id, config)
        return await self.environments.needed_by(job_id, config, interpreter)

    async def prepare(self, launch: Launch) -> Setup:
        """Make all that the run needs; a run that is to be stopped gets no further."""
        setup, paths = Setup(launch.interpreter), self._paths(launch)
        steps = self._steps_for(launch.config)
        if not steps:
            return setup
        if paths.stop.exists():
            remove_tree(paths.login)  # of a service that was killed while it pulled
            return setup
        work = self._preparing[launch.run] = asyncio.create_task(self._take(steps, launch, paths, setup))
        try:
            await asyncio.wait({work})
        finally:
            del self._preparing[launch.run]
            work.cancel()
        if work.cancelled():
            return setup
        if work.exception():
            await asyncio.to_thread(setup_log.show_as_log, paths)
        work.result()
        return setup

    def _steps_for(self, config: JobConfig) -> list[Step]:
        return [step for step in self.steps if step.wanted(config)]

    async def _take(self, steps: list[Step], launch: Launch, paths: RunPaths, setup: Setup) -> None:
        await asyncio.to_thread(setup_log.begin, paths)
        hide = partial(self._hide, paths, set())
        progress = Progress(paths.setup, partial(self._said, launch.run), hide, self.log_max_bytes)
        for step in steps:
            await step.prepare(launch, paths, setup, progress)

    async def _hide(self, paths: RunPaths, hidden: set[str], values: list[str]) -> None:
        """Note what the setup log must not show, beside what was `hidden` before."""
        hidden.update(values)
        await asyncio.to_thread(self._vault.keep_masks, paths, sorted(hidden))

    async def start(self, launch: Launch, setup: Setup) -> None:
        """Copy the working directory, and have a shim take the run on."""
        paths = self._paths(launch)
        if launch.config.working_dir or launch.number > 1:
            await asyncio.to_thread(self._fill, launch, paths, setup)
        if launch.memory is not None:
            await asyncio.to_thread(self._cgroup, launch)  # the first one has to try what can be made
        if setup.masks:  # before the run's first byte
            await asyncio.to_thread(self._vault.keep_masks, paths, setup.masks)
        pid = await self.shims.fork(self._spec(launch, paths, setup))
        self._watch(launch, pid, None)

    async def adopt(self, launch: Launch) -> int | None:
        """Find the run by its claim; revoke the claim where nobody made it."""
        paths = self._paths(launch)
        claim = paths.claim(launch.number)
        claim.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(claim, os.O_CREAT | os.O_EXCL, 0o600))
            return None
        if not (made := claim.read_text()):  # revoked before, by a service that died then
            return None
        known = json.loads(made)
        await asyncio.to_thread(self._masks, paths)  # a keyring may take its time: not at the run's end
        self._watch(launch, known["pid"], known["start"])
        return int(known["at"] * SECOND)

    def stop(self, launch: Launch) -> None:
        """Leave a note for the shim, durable, and wake it."""
        paths = self._paths(launch)
        paths.stop.parent.mkdir(parents=True, exist_ok=True)
        paths.stop.touch()
        if work := self._preparing.get(launch.run):
            work.cancel()
        if pid := self._pids.get(launch.run):
            machine.signal_all([pid], signal.SIGTERM)

    def lost(self, launch: Launch) -> None:
        """The machine restarted: the run ended as its shim wrote down, or is lost."""
        self._finish(launch, Outcome("lost", message="the machine restarted"))

    def _paths(self, launch: Launch) -> RunPaths:
        return self.paths.job(launch.job_id).run(launch.run)

    def _fill(self, launch: Launch, paths: RunPaths, setup: Setup) -> None:
        """Make the run's copy of the working directory; one that is to be stopped needs none."""
        remove_tree(paths.work)  # of a try that got no further
        paths.work.mkdir(parents=True)
        uri = launch.config.working_dir
        if uri and not paths.stop.exists():
            self.packages.materialise(setup.package("working_dir", uri), paths.work)

    def _spec(self, launch: Launch, paths: RunPaths, setup: Setup) -> dict[str, Any]:
        """Return all that a shim has to know, and make the directories that it needs."""
        scratch = None
        if launch.queue_id:
            scratch = self.paths.queue(launch.queue_id) / str(launch.cluster)
            if not scratch.is_dir():  # asking is cheaper than trying
                scratch.mkdir(parents=True, exist_ok=True)
        for directory in (paths.root.parent, paths.root, paths.work, paths.outputs):
            directory.mkdir(exist_ok=True)
        if setup.interpreter and not os.access(setup.interpreter, os.X_OK):
            raise FileNotFoundError(f"the job's interpreter {setup.interpreter} is gone")
        kept = self.paths.job(launch.job_id).environment
        base = {} if setup.container else json.loads(kept.read_text())
        given = environment.extra(launch, setup, base, paths, self.paths.interpreters, scratch)
        variables = {name: value for name, value in {**base, **given}.items() if value is not None}
        program, argv = entrypoint.command(launch.config.entrypoint, variables, paths.work)
        spec: dict[str, Any] = {
            "program": program,
            "argv": argv,
            "directory": str(paths.work),
            "environment": str(kept),
            "extra": given,
            "stdin": None,
            "log": str(paths.log),
            "claim": str(paths.claim(launch.number)),
            "stop": str(paths.stop),
            "exit": str(paths.exit),
            "usage": str(paths.usage),
            "gap": str(paths.gap),
            "timeout_s": launch.config.timeout_s,
            "grace_s": GRACE_S,
            "log_max_bytes": self.log_max_bytes,
            "cpus": [int(index) for index in (launch.cpu_list or "").split(",") if index],
            "memory": launch.memory,
            "cgroup": None if setup.container else self._cgroup(launch),
            "container": None,
        }
        if setup.container:
            spec |= containers.spec(setup.container, launch, paths, given, scratch)
        return spec

    def _cgroup(self, launch: Launch) -> str | None:
        """Return the control group to make for the run; None: it needs none, or none can be made."""
        if launch.memory is None or self._cgroups is None:
            return None
        return f"{self._cgroups}/jobs_jupyter-{launch.run}"

    @cached_property
    def _cgroups(self) -> str | None:
        return cgroups.place_for_limits(self.cgroup)

    def _watch(self, launch: Launch, pid: int, started: str | None) -> None:
        self._pids[launch.run] = pid
        missing = Outcome("lost", message="the process that watched over it was killed")
        on_exit(pid, started, lambda: self._finish(launch, missing))

    def _masks(self, paths: RunPaths) -> Masks | None:
        """Return what is not to be shown of a run; None where that can't be told."""
        try:
            return self._vault.masks(paths)
        except FileNotFoundError:
            return NO_MASKS
        except VaultError as problem:
            log.error("%s", problem)
            return None

    def _finish(self, launch: Launch, otherwise: Outcome) -> None:
        """Find out how the run ended, and say it; `otherwise` where nobody wrote it down."""
        pid = self._pids.pop(launch.run, None)  # at once: it may be another process's soon
        outcome = read_plain_exit(self._paths(launch))
        if outcome and (outcome.succeeded or not left_out.is_known(self.paths.job(launch.job_id))):
            self._ended(launch.run, outcome)
            return
        finding = asyncio.create_task(self._find_out(launch, pid, otherwise))
        self._finding.add(finding)
        finding.add_done_callback(self._finding.discard)

    async def _find_out(self, launch: Launch, pid: int | None, otherwise: Outcome) -> None:
        self._ended(launch.run, await asyncio.to_thread(self._outcome, launch, pid, otherwise))

    def _outcome(self, launch: Launch, pid: int | None, otherwise: Outcome) -> Outcome:
        """Read how the run ended; where its shim could not write that down, remove what it has left."""
        paths = self._paths(launch)
        if outcome := read_exit(paths, self._masks(paths)):
            return left_out.noted(outcome, self.paths.job(launch.job_id), paths)
        if pid is not None:
            machine.kill_leftovers(pid, f"JOBS_JUPYTER_RUN_NAME={launch.run}")
        claimed = _claimed(paths.claim(launch.number))
        if claimed.get("cgroup"):
            cgroups.MemoryGroup(claimed["cgroup"]).clear()
        if claimed.get("container"):
            Contained(claimed["container"]).remove()
        return otherwise


def _claimed(claim: Path) -> dict[str, Any]:
    """Return what a shim said of what it may leave; empty where it said nothing."""
    try:
        found = json.loads(claim.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_plain_exit(paths: RunPaths) -> Outcome | None:
    """Return how a run ended where that is quickly told: there are no secrets, and no cell left a report."""
    if os.path.lexists(paths.masks) or cell_report.is_there(paths):
        return None
    return read_exit(paths, None)


def read_exit(paths: RunPaths, masks: Masks | None) -> Outcome | None:
    """Return how a run ended, as its shim wrote it down; None where it did not.

    Of what a cell's runner says, `masks` are not to be shown; None: nothing of it is.
    """
    try:
        found: dict[str, Any] = json.loads(cell_report.content(paths.exit) or b"")
    except ValueError:
        return None
    report = cell_report.read(paths, masks) if masks else cell_report.CellReport()
    return Outcome(
        found["cause"],
        exit_code=None if found["cause"] == "start" else found["exit_code"],
        signal=found["signal"],
        message=found.get("message", ""),
        started_at=int(found["started_at"] * SECOND),
        ended_at=int(found["ended_at"] * SECOND),
        error=report.error,
        missing=report.missing,
        displayed=report.displayed,
        out_of_memory=found.get("out_of_memory", False),
        limit=found.get("limit"),
        cpu_time_s=found.get("cpu_time_s"),
        peak_memory=found.get("peak_memory"),
    )
