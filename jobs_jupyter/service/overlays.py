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
import re
import secrets
import stat
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobs_jupyter.models.package import package_file
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.requirements import is_url
from jobs_jupyter.models.requirements import variables as variables_in
from jobs_jupyter.service import durable, installers, machine
from jobs_jupyter.service.builds import SharedBuild, Teller, to_end
from jobs_jupyter.service.disk import disk_usage
from jobs_jupyter.service.installers import Build
from jobs_jupyter.service.interpreters import Interpreter, installed
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress
from jobs_jupyter.service.removal import remove_tree

FORMAT = 1
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Recipe:
    """All that an environment is made from; `requirements` is the URI of a file in a package, or lines.

    `named` are those lines of a file that name variables, with their values.
    """

    interpreter: Interpreter
    requirements: str | tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    named: tuple[str, ...] = field(default=(), repr=False)

    def digest(self) -> str:
        """Return the environment's name; it changes with what is installed for the interpreter."""
        lines = self.requirements
        indices = installers.index_settings(self.environment)
        made_from = [
            FORMAT,
            self.interpreter.executable,
            self.interpreter.version,
            self.interpreter.mark,
            self.interpreter.contents(),
            lines if isinstance(lines, str) else sorted(lines),
            sorted((name, _CREDENTIALS.sub("//", value)) for name, value in indices.items()),
            [_CREDENTIALS.sub("//", line) for line in self.named],
        ]
        return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """What a person calls it."""
        if isinstance(self.requirements, str):
            return "requirements.txt"
        return ", ".join(filter(None, map(_label, self.requirements)))


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
        self._builds: dict[str, SharedBuild] = {}

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
            if digest not in self._builds:
                tell = Teller(installers.activity)
                self._builds[digest] = SharedBuild(tell, self._build(digest, recipe, tell))
            build = self._builds[digest]
            try:
                await build.follow(progress)
            finally:
                if build.over and self._builds.get(digest) is build:
                    del self._builds[digest]
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
            file = await to_end(self._write_requirements, recipe, inputs)
            tell.hide = _secrets(inputs, recipe.environment)
            environment = installers.variables(recipe.environment)
            tell.write(f"Making an environment with {recipe.label}\n".encode())
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

    def _write_requirements(self, recipe: Recipe, folder: Path) -> Path:
        folder.mkdir(parents=True)
        if isinstance(recipe.requirements, str):
            digest, name = package_file(recipe.requirements)
            self._packages.materialise(digest, folder)
            return folder / name
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in recipe.requirements))
        return folder / "requirements.txt"

    def _record(self, digest: str, recipe: Recipe, root: Path) -> None:
        there = recipe.interpreter.packages()
        own = installed(root.glob("venv/lib/python*/site-packages"))
        _forbid_changes(root / "venv")
        differs = tuple(
            f"{name} {there[name]} here, {version} in the job"
            for name, version in sorted(own.items())
            if there.get(name, version) != version
        )
        made = Overlay(digest, str(root), recipe.label, disk_usage(root), differs)
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


def _label(requirement: str) -> str | None:
    """Return what a requirement is called: a package's name, or the last part of a URL."""
    if is_url(requirement):
        return requirement.partition("#")[0].rstrip("/").rpartition("/")[2]
    return found[0] if (found := _NAME.match(requirement)) else None


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


def _secrets(folder: Path, environment: Mapping[str, str]) -> list[bytes]:
    """Return the values of the variables that the files name: the log must not show them."""
    files = [path for path in folder.iterdir() if path.is_file()]
    names = {name for file in files for name in variables_in(file.read_text())}
    values = {environment.get(name, "") for name in names}
    return sorted((v.encode() for v in values if len(v) >= SHORTEST_SECRET), key=len, reverse=True)
