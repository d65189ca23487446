"""A login at a registry, for as long as an image is pulled: in a file, never on a command line."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from jobs_jupyter.models.errors import JobsError, UnsupportedError
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.preparation.engine_commands import output
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.vault import Vault

DOCKER_HUB = "docker.io"
DOCKER_HUB_KEY = "https://index.docker.io/v1/"  # what Docker calls it in its files


@dataclass(frozen=True)
class Login:
    """A user name and its password, or token."""

    username: str
    password: str = field(repr=False)


def login_of(vault: Vault, name: str) -> Login:
    """Return the login that a secret holds.

    Raises:
        SecretNotFoundError: there is no such secret.
        UnsupportedError: it has no user name.
    """
    secret = vault.secret(name)
    if secret.username is None:
        raise UnsupportedError(
            f"registry_login_secret={name!r} has no user name. Set it again with: "
            f"jupyter jobs secret set {name} --username USER"
        )
    return Login(secret.username, secret.value)


@contextlib.asynccontextmanager
async def pulling(
    engine: Engine, image: str, login: Login | None, directory: Path
) -> AsyncIterator[list[str]]:
    """Give the command that pulls the image, but for its name.

    Args:
        engine: whose command it is.
        image: its name, with the registry.
        login: who pulls; None: whoever the engine knows.
        directory: where the login lies meanwhile; it is gone afterwards.
    """
    await asyncio.to_thread(remove_tree, directory)  # a killed service's
    if login is None:
        yield [engine.program, "pull"]
        return
    try:
        file = await asyncio.to_thread(_write, image.partition("/")[0], login, directory)
        if engine.kind == "podman":
            yield [engine.program, "pull", "--authfile", str(file)]
        else:
            yield [engine.program, "--config", str(directory), "--host", await _host(engine), "pull"]
    finally:
        await asyncio.to_thread(remove_tree, directory)


def _write(registry: str, login: Login, directory: Path) -> Path:
    token = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    names = (registry, DOCKER_HUB_KEY) if registry == DOCKER_HUB else (registry,)
    directory.mkdir(mode=0o700, parents=True)
    file = directory / "config.json"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        json.dump({"auths": {name: {"auth": token} for name in names}}, opened)
    return file


async def _host(engine: Engine) -> str:
    """Return where the daemon is, which the user's own configuration says."""
    code, said = await output(engine, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
    if code:
        raise JobsError(f"docker does not say where its daemon is: {said.strip()[-500:]}")
    return said.strip()
