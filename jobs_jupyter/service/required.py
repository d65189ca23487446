"""What a job's `requirements` are, wherever they are installed: lines, or a file with all that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.package import package_file
from jobs_jupyter.models.requirements import expanded, is_url, lines
from jobs_jupyter.models.requirements import variables as variables_in
from jobs_jupyter.service import installers
from jobs_jupyter.service.packages import PackageFiles

SHORTEST_SECRET = 4
_CREDENTIALS = re.compile(r"//[^/@\s]*@")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Required:
    """The requirements of a job; `requirements` is the URI of a file in a package, or lines.

    `named` are those lines of a file that name variables, with their values.
    """

    requirements: str | tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    named: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, config: JobConfig, environment: Mapping[str, str], packages: PackageFiles) -> Required:
        """Return a job's.

        Args:
            config: the job's, with requirements.
            environment: the variables of its submitter.
            packages: where its files lie.
        """
        wanted = config.requirements or ()
        variables = {**environment, **(config.env_vars or {})}
        if not isinstance(wanted, str):
            return cls(tuple(wanted), variables)
        package, _ = package_file(wanted)
        files = (entry.path for entry in packages.manifest(package).entries if entry.kind == "f")
        texts = [packages.read(package, path).decode() for path in files if "/" not in path]
        found = (line for text in texts for _, line in lines(text) if variables_in(line))
        return cls(wanted, variables, tuple(expanded(line, variables) for line in found))

    def identity(self) -> list[Any]:
        """Return all that decides what is installed, as JSON has it; without logins."""
        wanted = self.requirements
        indices = installers.index_settings(self.environment)
        return [
            wanted if isinstance(wanted, str) else sorted(wanted),
            sorted((name, _CREDENTIALS.sub("//", value)) for name, value in indices.items()),
            [_CREDENTIALS.sub("//", line) for line in self.named],
        ]

    @property
    def label(self) -> str:
        """What a person calls it."""
        if isinstance(self.requirements, str):
            return "requirements.txt"
        return ", ".join(filter(None, map(_label, self.requirements)))

    def write(self, folder: Path, packages: PackageFiles) -> Path:
        """Lay out the file and all that it names in a new directory, and return its path."""
        folder.mkdir(parents=True)
        if isinstance(self.requirements, str):
            digest, name = package_file(self.requirements)
            packages.materialise(digest, folder)
            return folder / name
        (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in self.requirements))
        return folder / "requirements.txt"

    def named_variables(self, folder: Path) -> dict[str, str]:
        """Return the variables that files in a directory name, as far as there are any."""
        files = [path for path in folder.iterdir() if path.is_file()]
        names = {name for file in files for name in variables_in(file.read_text())}
        return {name: self.environment[name] for name in sorted(names) if name in self.environment}

    def secrets(self, folder: Path) -> list[bytes]:
        """Return the values of the variables that the files name: the log must not show them."""
        values = {value for value in self.named_variables(folder).values() if len(value) >= SHORTEST_SECRET}
        return sorted((value.encode() for value in values), key=len, reverse=True)


def _label(requirement: str) -> str | None:
    """Return what a requirement is called: a package's name, or the last part of a URL."""
    if is_url(requirement):
        return requirement.partition("#")[0].rstrip("/").rpartition("/")[2]
    return found[0] if (found := _NAME.match(requirement)) else None
