"""Environments for jobs with requirements: each a layer over an interpreter's packages, made once and kept.

An environment is named by a hash of all that it is made from. It is built in a directory of its own,
which it never leaves, as its programs hold absolute paths; a record that names the directory is
written last. What has no record is the left-over of a build that a service did not survive.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import stat
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import durable, installers, machine
from jobs_jupyter.service.builds import SharedBuilds, Teller, to_end
from jobs_jupyter.service.disk import disk_usage
from jobs_jupyter.service.installers import Build
from jobs_jupyter.service.interpreters import Interpreter, installed
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.required import Required

FORMAT = 1


@dataclass(frozen=True)
class Recipe:
    """All that an environment is made from."""

    interpreter: Interpreter
    required: Required

    def digest(self) -> str:
        """Return the environment's name; it changes with what is installed for the interpreter."""
        made_from = [
            FORMAT,
            self.interpreter.executable,
            self.interpreter.version,
            self.interpreter.mark,
            self.interpreter.contents(),
            *self.required.identity(),
        ]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Overlay:
    """An environment that is ready; `differs` has the packages that are not as the interpreter has them."""

    digest: str
    root: str
    label: str
    bytes: int
    differs: tuple[str, ...]

    @property
    def programs(self) -> Path:
        """The directory of its `python` and of what its packages bring."""
        return Path(self.root) / "venv" / "bin"


class Overlays:
    """The environments of a state directory.

    `lock` is held while one is taken into use, and while one that is not in use is deleted.
    """

    def __init__(self, paths: StatePaths, packages: PackageFiles, uv: str | None) -> None:
        self.paths = paths
        self.lock = asyncio.Lock()
        self.uv = uv
        self._packages = packages
        self._builds = SharedBuilds(installers.activity)

    async def get(self, recipe: Recipe, progress: Progress, note: Path) -> Overlay:
        """Return the environment, which is built where it is not there yet.

        However many ask for it meanwhile, it is built once, and all see how.

        Args:
            recipe: what it is made from.
            progress: gets the log of the build, and what is being done.
            note: a file to write its name into: as long as that is there, it is in use.

        Raises:
            InstallError: it can't be built.
        """
        digest = await asyncio.to_thread(recipe.digest)
        while (found := await self._use(digest, note)) is None:
            await self._builds.follow(digest, progress, partial(self._build, digest, recipe))
        return found

    async def _use(self, digest: str, note: Path) -> Overlay | None:
        """Take an environment into use; None: there is none."""
        async with self.lock:
            record = self.paths.overlay(digest)
            found = _read(record)
            if found is None or not (found.programs / "python").exists():
                return None
            os.utime(record)
            _write_note(note, digest)
            return found

    async def _build(self, digest: str, recipe: Recipe, tell: Teller) -> None:
        root = self.paths.overlay_builds / f"{digest}-{secrets.token_hex(4)}"
        inputs = root / "inputs"
        try:
            file = await to_end(recipe.required.write, inputs, self._packages)
            tell.hide = recipe.required.secrets(inputs)
            environment = installers.variables(recipe.required.environment)
            tell.write(f"Making an environment with {recipe.required.label}\n".encode())
            build = Build(
                recipe.interpreter, root / "venv", file, environment, tell.write, tell.say, tell.hidden
            )
            await installers.install(build, self.uv)
            await asyncio.to_thread(remove_tree, inputs)
            await asyncio.to_thread(self._record, digest, recipe, root)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(remove_tree, root))
            raise
        finally:
            tell.flush()

    def _record(self, digest: str, recipe: Recipe, root: Path) -> None:
        there = recipe.interpreter.packages()
        own = installed(root.glob("venv/lib/python*/site-packages"))
        _forbid_changes(root / "venv")
        differs = tuple(
            f"{name} {there[name]} here, {version} in the job"
            for name, version in sorted(own.items())
            if there.get(name, version) != version
        )
        made = Overlay(digest, str(root), recipe.required.label, disk_usage(root), differs)
        record = self.paths.overlay(digest)
        earlier = _read(record)
        machine.sync(str(root))  # what the record says is there has to be, also after the power has failed
        if not durable.write(str(record), json.dumps(asdict(made))):
            raise OSError(f"{record} can't be written")
        if earlier is not None:
            remove_tree(Path(earlier.root))

    def all(self) -> list[tuple[Overlay, float]]:
        """Return the environments that there are, and when each was last used, in seconds."""
        found = []
        for record in self.paths.overlays.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                if overlay := _read(record):
                    found.append((overlay, record.stat().st_mtime))
        return found

    async def evict(self, digest: str, spared_s: float) -> bool:
        """Delete an environment unless it has come into use within that time; returns whether it is gone."""
        async with self.lock:
            record = self.paths.overlay(digest)
            found = _read(record)
            if found is None or record.stat().st_mtime > time.time() - spared_s:
                return False
            record.unlink()
        await asyncio.to_thread(remove_tree, Path(found.root))
        return True

    def leftovers(self) -> list[Path]:
        """Return the directories of builds that came to nothing. To be asked before the first build."""
        kept = {overlay.root for overlay, _ in self.all()}
        return [root for root in self.paths.overlay_builds.glob("*") if str(root) not in kept]


def _forbid_changes(root: Path) -> None:
    """Let nothing be added to or taken from what jobs share: a job that installs there is told so.

    Files stay as they are, since they may be the same as those in the installer's cache.
    """
    for place, _, _ in os.walk(root):
        os.chmod(place, stat.S_IMODE(os.stat(place).st_mode) & ~0o222)


def _write_note(note: Path, digest: str) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(digest)


def _read(record: Path) -> Overlay | None:
    try:
        known: dict[str, Any] = json.loads(record.read_text())
        return Overlay(**{**known, "differs": tuple(known["differs"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
