"""A job's `connections`: what it needs to log in, as variables, read when each run starts."""

from __future__ import annotations

import asyncio

from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service import databricks
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.vault import Vault


class Connections:
    """Gives a run the credentials of the connections that its job names, and hides them in its log."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def wanted(self, config: JobConfig) -> bool:
        """Whether there are any."""
        return bool(config.connections)

    async def refuse(self, config: JobConfig, interpreter: str | None) -> None:
        """Refuse what nobody has added, and variables that would contradict."""
        for wanted in config.connections or ():
            await asyncio.to_thread(self._vault.find, wanted)
            if twice := [name for name in databricks.LOGIN if name in (config.env_vars or {})]:
                raise InvalidRequestError(
                    f"env_vars sets {', '.join(twice)}, and so does the connection {wanted.name!r}. "
                    "Leave one of the two out."
                )

    async def prepare(self, launch: Launch, paths: RunPaths, setup: Setup, _: Progress) -> None:
        """Read the credentials as they are now."""
        for wanted in launch.config.connections or ():
            credentials = await asyncio.to_thread(self._vault.credentials, wanted.name)
            setup.variables.update(databricks.variables(credentials))
            setup.masks.extend(credentials.secrets().values())
