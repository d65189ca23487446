"""The end of a run in a container: what an engine has to be told, since the processes are its own.

The shim imports this file, in an interpreter without `site`: nothing beyond the standard library.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

ANSWERS_WITHIN_S = 30.0
TRIES = 3


class Contained:
    """One run's container, by the commands that `spec` has.

    `stop` asks all of its processes to end, `inspect` prints its state as JSON, `remove` kills and
    deletes it, and does no harm where there is none. `memory` is its limit, in bytes, None without one.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.commands: dict[str, list[str]] = spec
        self.memory: int | None = spec["memory"]

    def stop(self) -> bool:
        """Send SIGTERM to all that runs in it; False where that was not possible."""
        return self._tell("stop") is not None

    def state(self) -> dict[str, Any]:
        """Return what the engine knows of it; empty where there is none."""
        with contextlib.suppress(ValueError):
            found = json.loads(self._tell("inspect") or "{}")
            return found if isinstance(found, dict) else {}
        return {}

    def remove(self) -> None:
        """Leave nothing of it."""
        for _ in range(TRIES):
            if self._tell("remove") is not None:
                return

    def _tell(self, what: str) -> str | None:
        import subprocess  # late: few runs are in a container, and every shim has what was imported

        try:
            done = subprocess.run(
                self.commands[what],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWERS_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None
