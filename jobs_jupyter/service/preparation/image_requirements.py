"""Requirements on top of an image: another image, made once and kept.

They are installed in a container of the image, which then becomes an image. What is installed from, the
values of variables and logins to indices are in a directory that is only mounted there: neither a
layer nor the history of the new image has them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jobs_jupyter.models.errors import JobsError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.requirements import lines, option
from jobs_jupyter.service import durable, installers, tools
from jobs_jupyter.service.builds import SharedBuilds, Teller, to_end
from jobs_jupyter.service.containers import quoted
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress
from jobs_jupyter.service.preparation.engine_commands import image_id, output
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.required import Required

FORMAT = 1
TAG = "localhost/jobs-jupyter-requirements"
PLACE = "/tmp/jobs_jupyter"  # noqa: S108 - within the container
SCRIPT = "install.sh"
NO_PYTHON, NO_PIP = 121, 122  # exit codes that neither pip nor an engine has
_PLACES = ("-f", "--find-links", "-i", "--index-url", "--extra-index-url")
_INSTALL = f"""
python=$(command -v python || command -v python3) || exit {NO_PYTHON}
if "$python" -m pip --version >/dev/null 2>&1; then
  exec "$python" -m pip install --no-cache-dir -r requirements.txt
fi
command -v uv >/dev/null 2>&1 || exit {NO_PIP}
exec uv pip install --python "$python" --break-system-packages --no-cache -r requirements.txt
"""
_FIXED = {
    "NO_COLOR": "1",
    "PIP_BREAK_SYSTEM_PACKAGES": "1",  # the image's Python is the job's own
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_ROOT_USER_ACTION": "ignore",
}
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Recipe:
    """What an image is made from: another one, by its id, and requirements; `path` is the job's own PATH.

    `asked` is the field that names that other one, with its value.
    """

    base: str
    asked: tuple[str, str]
    required: Required
    path: str | None

    def digest(self) -> str:
        """Return the name of the image that it makes."""
        return _hashed([FORMAT, self.base, self.path, *self.required.identity()])

    @property
    def below(self) -> str:
        """What a person calls that other one."""
        field, value = self.asked
        return f"{field}={value!r}" if field == "image_uri" else "the containerfile's image"

    def request(self) -> str:
        """Return what is the same for all jobs that ask for it, whatever image that names by now."""
        return _hashed([self.asked, self.path, *self.required.identity()])


@dataclass(frozen=True)
class Derived:
    """An image that is there; `bytes` is what it has beyond the one below it."""

    digest: str
    image: str
    request: str
    label: str
    bytes: int

    @property
    def tag(self) -> str:
        """Its name."""
        return f"{TAG}:{self.digest}"


class DerivedImages:
    """The images with requirements of a state directory.

    `lock` is held while one is taken into use, and while one that is not in use is deleted.
    """

    def __init__(self, paths: StatePaths, packages: PackageFiles, network: str | None) -> None:
        self.lock = asyncio.Lock()
        self._paths = paths
        self._packages = packages
        self._network = network
        self._builds = SharedBuilds(installers.activity)

    async def get(self, engine: Engine, recipe: Recipe, progress: Progress) -> str:
        """Return the id of the image, which is made where it is not there yet; once, whoever asks.

        Raises:
            JobsError: it can't be made.
        """
        digest = recipe.digest()
        while (found := await self._use(engine, digest)) is None:
            await self._builds.follow(digest, progress, partial(self._make, engine, recipe))
        return found

    async def _use(self, engine: Engine, digest: str) -> str | None:
        async with self.lock:
            record = self._paths.derived_image(digest)
            known = _read(record)
            found = await image_id(engine, known.tag) if known else None
            if found is not None:
                os.utime(record)
            return found

    async def _make(self, engine: Engine, recipe: Recipe, tell: Teller) -> None:
        folder = self._paths.derived_builds / f"{recipe.digest()}-{secrets.token_hex(4)}"
        try:
            mounted = await to_end(_lay_out, recipe, folder, self._packages)
            tell.hide = [*recipe.required.secrets(folder), *_passwords(recipe.required)]
            tell.write(f"Installing {recipe.required.label} on top of {recipe.below}\n".encode())
            await tell.say("installing requirements on top of the image")
            command = _container(engine, [folder, *mounted], self._network)
            await _install([*command, recipe.base, "/bin/sh", f"{PLACE}/{SCRIPT}"], recipe, tell)
            await self._keep(engine, _name(folder), recipe)
        finally:
            tell.flush()
            await asyncio.shield(clear(engine, folder))

    async def _keep(self, engine: Engine, name: str, recipe: Recipe) -> None:
        digest = recipe.digest()
        code, said = await output(engine, "commit", name, f"{TAG}:{digest}")
        image = await image_id(engine, f"{TAG}:{digest}") if code == 0 else None
        if image is None:
            raise JobsError(f"the image with requirements could not be kept: {said.strip()[-500:]}")
        size = await _size(engine, image) - await _size(engine, recipe.base)
        made = Derived(digest, image, recipe.request(), recipe.required.label, max(0, size))
        record = self._paths.derived_image(digest)
        record.parent.mkdir(parents=True, exist_ok=True)
        if not await asyncio.to_thread(durable.write, str(record), json.dumps(asdict(made))):
            raise OSError(f"{record} can't be written")

    def all(self) -> list[tuple[Derived, float]]:
        """Return the images that there are, and when each was last used, in seconds."""
        found = []
        for record in self._paths.derived_images.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                if known := _read(record):
                    found.append((known, record.stat().st_mtime))
        return found

    def needed_by(self, image: str | None, recipe: Recipe) -> set[str]:
        """Return the names of those that a job has, or would ask for now."""
        request = recipe.request()
        return {each.digest for each, _ in self.all() if each.image == image or each.request == request}

    async def evict(self, engine: Engine, digest: str, spared_s: float) -> bool:
        """Delete an image unless it was used within that time; returns whether it is gone."""
        async with self.lock:
            record = self._paths.derived_image(digest)
            known = _read(record)
            if known is None or record.stat().st_mtime > time.time() - spared_s:
                return False
            await output(engine, "rmi", known.tag)
            if await image_id(engine, known.tag) is not None:  # a container has it
                return False
            record.unlink()
            return True

    def leftovers(self) -> list[Path]:
        """Return the directories of builds that came to nothing. To be asked before the first build."""
        return list(self._paths.derived_builds.glob("*"))


def asked_for(config: JobConfig) -> tuple[str, str]:
    """Return the field that says a job's image, with its value."""
    field = "containerfile" if config.image_uri is None else "image_uri"
    return field, getattr(config, field)


def _lay_out(recipe: Recipe, folder: Path, packages: PackageFiles) -> list[Path]:
    """Write what the container finds, and return the directories that it needs besides."""
    recipe.required.write(folder, packages)
    folder.chmod(0o700)
    variables = {**installers.pip_settings(recipe.required.environment), **_proxies()}
    named = recipe.required.named_variables(folder)
    path = {} if recipe.path is None else {"PATH": recipe.path}
    exported = {**variables, **named, **_FIXED, **path}
    text = "".join(f"export {name}={quoted(value)}\n" for name, value in exported.items())
    script = folder / SCRIPT
    script.touch(mode=0o600)
    script.write_text(f"cd {PLACE}\n{text}{_INSTALL}")
    return sorted(set(_directories(folder, variables)))


def _passwords(required: Required) -> list[bytes]:
    """Return the passwords in the addresses of indices."""
    text = " ".join([*installers.index_settings(required.environment).values(), *required.named])
    return [each.encode() for each in re.findall(r"//[^/@:\s]*:([^/@\s]+)@", text)]


def _proxies() -> dict[str, str]:
    return {name: os.environ[name] for name in _PROXIES if name in os.environ}


def _directories(folder: Path, variables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the directories of this machine that packages come from; an engine can't be told of all names."""
    words = [word for value in variables.values() for word in value.split()]
    for file in folder.iterdir():
        if file.suffix != ".sh" and file.is_file():
            found = (option(line) for _, line in lines(file.read_text()))
            words += [each[1] for each in found if each and each[0] in _PLACES]
    for word in words:
        place = Path(unquote(urlsplit(word).path) if word.startswith("file:") else word)
        if place.is_absolute() and place.is_dir() and not re.search(r'[,"\n]', str(place)):
            yield place


def _name(folder: Path) -> str:
    """Return the name of the container of a build."""
    return f"jobs-jupyter-requirements-{folder.name}"


def _container(engine: Engine, mounted: list[Path], network: str | None) -> list[str]:
    inside = [PLACE, *map(str, mounted[1:])]
    mounts = [
        f"type=bind,source={place},target={to},readonly" for place, to in zip(mounted, inside, strict=True)
    ]
    return [
        *[
            engine.program,
            "run",
            "--name",
            _name(mounted[0]),
            "--pull",
            "never",
            "--entrypoint",
            "",
            "--user",
            "0:0",
        ],
        *["--security-opt", "label=disable"],
        *[word for mount in mounts for word in ("--mount", mount)],
        *(["--network", network] if network else []),
        # else it would hand on the service's proxies, and they would stay in the image
        *(["--http-proxy=false"] if engine.kind == "podman" else []),
    ]


async def _install(command: list[str], recipe: Recipe, tell: Teller) -> None:
    said = bytearray()

    def heard(piece: bytes) -> None:
        tell.write(piece)
        said.extend(piece)
        del said[: -installers.TAIL]

    code = await tools.run(command, heard)
    if code == 0:
        return
    if code in (NO_PYTHON, NO_PIP):
        lacks = "Python" if code == NO_PYTHON else "pip"
        raise JobsError(
            f"requirements can't be installed on top of {recipe.below}: the image has no {lacks}. "
            "Use an image that has both, such as python:3.12-slim, or install them in a containerfile"
        )
    why = installers.reason(tell.hidden(bytes(said)).decode(errors="replace"))
    raise JobsError(f"requirements can't be installed on top of {recipe.below}: {why}")


async def clear(engine: Engine, folder: Path) -> None:
    """Remove a build's container and its directory."""
    await output(engine, "rm", "--force", "--volumes", _name(folder))
    await asyncio.to_thread(remove_tree, folder)


async def _size(engine: Engine, image: str) -> int:
    _, said = await output(engine, "image", "inspect", "--format", "{{.Size}}", image)
    return int(said) if said.strip().isdecimal() else 0


def _read(record: Path) -> Derived | None:
    try:
        return Derived(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _hashed(content: list[object]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
