"""What an image is built from: a containerfile, and what of the working directory it may copy."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.package import Manifest, package_file
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Setup
from jobs_jupyter.service.removal import remove_tree

OF_A_CELL = ".jobs_jupyter"  # the folder that a cell adds to its package: another one each time
TAG = "localhost/jobs-jupyter"
_COPIES = re.compile(rb"^[ \t]*(COPY|ADD|RUN[ \t]+--mount|ONBUILD)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Recipe:
    """A containerfile, and the package that is its context; None where it copies nothing."""

    containerfile: bytes
    package: str | None
    tag: str

    @classmethod
    def of(cls, config: JobConfig, packages: PackageFiles, setup: Setup) -> Recipe:
        """Return a job's. Its tag is made of all contents that can come into the image."""
        assert config.containerfile is not None
        content = packages.read(*package_file(config.containerfile))
        package = None
        hashed = hashlib.sha256(content)
        if config.working_dir and _COPIES.search(content):
            package = setup.package("working_dir", config.working_dir)
            manifest = packages.manifest(package)
            own = (entry for entry in manifest.entries if entry.path.partition("/")[0] != OF_A_CELL)
            hashed.update(Manifest(own).content)
        return cls(content, package, f"{TAG}:{hashed.hexdigest()[:32]}")

    def unpack(self, target: Path, packages: PackageFiles) -> None:
        """Lay out what the engine needs."""
        self.clear(target)  # a killed service's
        (target / "files").mkdir(parents=True)
        if self.package:
            packages.materialise(self.package, target / "files")
            remove_tree(target / "files" / OF_A_CELL)
        (target / "Containerfile").write_bytes(self.containerfile)

    def command(self, engine: Engine, target: Path, network: str | None) -> list[str]:
        """Return what builds the image from where it was laid out."""
        limits = ["--network", network] if network else []
        file = str(target / "Containerfile")
        return [engine.program, "build", *limits, "--tag", self.tag, "--file", file, str(target / "files")]

    def clear(self, target: Path) -> None:
        """Take away what was laid out."""
        remove_tree(target)
