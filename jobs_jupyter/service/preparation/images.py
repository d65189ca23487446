"""The image that a job runs in: pulled, or built from its containerfile."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from weakref import WeakValueDictionary

from jobs_jupyter.models.errors import JobsError, PackageError, SecretNotFoundError, UnsupportedError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.package import SCHEME
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import containers, durable, engines
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.preparation.engine_commands import image_id, output, tell
from jobs_jupyter.service.preparation.environments import check
from jobs_jupyter.service.preparation.image_build import Recipe
from jobs_jupyter.service.preparation.image_requirements import DerivedImages, asked_for, clear
from jobs_jupyter.service.preparation.image_requirements import Recipe as RequirementsRecipe
from jobs_jupyter.service.preparation.registry_login import Login, pulling
from jobs_jupyter.service.required import Required

REFUSED = ("unauthorized", "authentication required", "access denied", "denied:", "incorrect username")
RAY_VERSION = "import importlib.metadata as m; print(m.version('ray'))"


class Images:
    """Gets images by the container engine of this machine.

    Args:
        paths: the state directory.
        packages: where containerfiles and what they copy lie.
        engine: the setting `container_engine`.
        network: the setting `container_network`.
        login: gives a secret's user name and password; raises a JobsError where there is none.
    """

    def __init__(
        self,
        paths: StatePaths,
        packages: PackageFiles,
        engine: str | None = None,
        network: str | None = None,
        login: Callable[[str], Login] | None = None,
    ) -> None:
        self._paths = paths
        self._packages = packages
        self._wanted = engine
        self._network = network
        self._login = login
        self.derived = DerivedImages(paths, packages, network)
        self._found: Engine | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def wanted(self, config: JobConfig) -> bool:
        """Whether the job runs in an image."""
        return config.in_image

    async def refuse(self, config: JobConfig, _: str | None) -> None:
        """Refuse where no engine works, no such login is known, or another field means this machine."""
        field = "{}={!r}".format(*asked_for(config))
        if config.py_executable is not None:
            raise UnsupportedError(
                f"py_executable is for this machine's Python, and with {field} the job has the image's. "
                "Name another interpreter in the entrypoint."
            )
        if config.requirements:
            check(config)
        if config.containerfile and "://" in config.containerfile and SCHEME not in config.containerfile:
            raise UnsupportedError(f"{field} is a remote URI, which can't be read; use a local file.")
        try:
            containers.check_path(self._paths.home)
            await self._engine()
        except UnsupportedError as problem:
            raise UnsupportedError(f"{field} can't be used here: {problem}.") from None
        if config.registry_login_secret is not None and self._login is not None:
            await asyncio.to_thread(self._login, config.registry_login_secret)

    async def prepare(self, launch: Launch, paths: RunPaths, setup: Setup, progress: Progress) -> None:
        """Find the image that the job's first run had, or get it."""
        engine = await self._engine()
        kept = self._paths.job(launch.job_id).image
        image = kept.read_text() if kept.exists() else None
        if image is None or await image_id(engine, image) is None:
            image = await self._get(engine, launch, paths, setup, progress)
            if launch.config.requirements:
                recipe = await self._recipe(launch.job_id, launch.config, image)
                image = await self.derived.get(engine, recipe, progress)
            await asyncio.to_thread(durable.write, str(kept), image)
        setup.interpreter = None
        setup.container = containers.Container(engine, image, self._network)
        if (secret := launch.config.registry_login_secret) and self._login:
            with contextlib.suppress(SecretNotFoundError):  # removed since its first run
                setup.masks.append((await asyncio.to_thread(self._login, secret)).password)
        if launch.config.ray_version:
            await self._check_ray(setup.container, launch)

    async def needed_by(self, job_id: str, config: JobConfig) -> set[str]:
        """Return the names of the images with requirements that a job uses, or would ask for now."""
        with contextlib.suppress(OSError, ValueError, PackageError):
            kept = self._paths.job(job_id).image
            has = kept.read_text() if kept.exists() else None
            return self.derived.needed_by(has, await self._recipe(job_id, config, ""))
        return set()

    async def clear(self, abandoned: list[Path]) -> None:
        """Remove what builds of images with requirements have left that a service did not survive."""
        with contextlib.suppress(UnsupportedError):  # no engine works now
            for folder in abandoned:
                await clear(await self._engine(), folder)

    async def evict(self, name: str, spared_s: float) -> bool:
        """Delete an image with requirements unless it was used within that time; whether it is gone."""
        try:
            return await self.derived.evict(await self._engine(), name, spared_s)
        except UnsupportedError:  # no engine works now
            return False

    async def _recipe(self, job_id: str, config: JobConfig, base: str) -> RequirementsRecipe:
        environment = json.loads(self._paths.job(job_id).environment.read_text())
        required = await asyncio.to_thread(Required.of, config, environment, self._packages)
        return RequirementsRecipe(base, asked_for(config), required, (config.env_vars or {}).get("PATH"))

    async def _engine(self) -> Engine:
        if self._found is None:
            self._found = await asyncio.to_thread(engines.find, self._wanted)
        return self._found

    async def _get(
        self, engine: Engine, launch: Launch, paths: RunPaths, setup: Setup, progress: Progress
    ) -> str:
        if launch.config.image_uri:
            return await self._pull(engine, launch.config, launch.config.image_uri, paths, progress)
        return await self._build(engine, launch.config, paths, setup, progress)

    async def _pull(
        self, engine: Engine, config: JobConfig, image: str, paths: RunPaths, progress: Progress
    ) -> str:
        """Return the id of an image that is here, or pull it; another job may be doing so just now."""
        async with self._turn(image, f"waiting for image {image}, which another job gets", progress):
            if found := await image_id(engine, image):
                return found
            await progress.say(f"pulling image {image}")
            name, secret = engine.qualified(image), config.registry_login_secret
            login = await asyncio.to_thread(self._login, secret) if secret and self._login else None
            if login:
                await progress.hide([login.password])
            async with pulling(engine, name, login, paths.login) as command:
                problem = await tell([*command, name], progress)
            if problem is None and (found := await image_id(engine, name)):
                return found
        raise JobsError(_why_not_pulled(image, name, secret, problem or "it is not there afterwards"))

    async def _build(
        self, engine: Engine, config: JobConfig, paths: RunPaths, setup: Setup, progress: Progress
    ) -> str:
        recipe = await asyncio.to_thread(Recipe.of, config, self._packages, setup)
        async with self._turn(recipe.tag, "waiting for the image, which another job builds", progress):
            if found := await image_id(engine, recipe.tag):
                return found
            await progress.say("building the image of the containerfile")
            try:
                await asyncio.to_thread(recipe.unpack, paths.context, self._packages)
                command = recipe.command(engine, paths.context, self._network)
                problem = await tell(command, progress)
            finally:
                await asyncio.to_thread(recipe.clear, paths.context)
            if problem is None and (found := await image_id(engine, recipe.tag)):
                return found
        raise JobsError(f"the image of the containerfile could not be built: {problem}")

    @contextlib.asynccontextmanager
    async def _turn(self, key: str, meanwhile: str, progress: Progress) -> AsyncIterator[None]:
        """One at a time for each image."""
        turn = self._turns.setdefault(key, asyncio.Lock())
        if turn.locked():
            await progress.say(meanwhile)
        async with turn:
            yield

    async def _check_ray(self, container: containers.Container, launch: Launch) -> None:
        """Refuse an image whose ray is not of the version that the job asks for."""
        name, engine = containers.name_of(launch.run), container.engine
        await output(engine, "rm", "--force", name)  # of a try that a killed service made
        words = ("run", "--rm", "--name", name, "--network", "none", "--entrypoint", "", container.image)
        code, said = await output(engine, *words, "python", "-c", RAY_VERSION)
        wanted, found = launch.config.ray_version, said.strip() if code == 0 else None
        if found != wanted:
            there = f"ray {found}" if found else "no ray that its python can import"
            raise JobsError(f"ray_version={wanted!r}, but the image has {there}; use an image that has it")


def _why_not_pulled(image: str, name: str, secret: str | None, problem: str) -> str:
    registry = name.partition("/")[0]
    if any(word in problem.lower() for word in REFUSED):
        hint = (
            f"{registry} does not accept the login of the secret {secret!r}; set it again with "
            f"jupyter jobs secret set {secret} --username USER"
            if secret
            else f"{registry} wants a login, or has no such image; keep a login with jupyter jobs secret set "
            "NAME --username USER, and name it with registry_login_secret"
        )
        return f"image_uri={image!r} could not be pulled: {hint} ({problem})"
    return f"image_uri={image!r} could not be pulled: {problem}"
