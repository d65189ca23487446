"""How a run ended, and what is said of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any, Literal

Cause = Literal["exit", "timeout", "stop", "start", "lost"]


@dataclass(frozen=True)
class Outcome:
    """The end of one run.

    `exit_code` is None where there was none: `signal` killed it, or it never started (`start`), or
    nobody saw its end (`lost`). `started_at` and `ended_at` are in microseconds.
    """

    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    message: str = ""
    started_at: int | None = None
    ended_at: int | None = None
    error: dict[str, Any] | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the run did what it should."""
        return self.cause == "exit" and self.exit_code == 0

    @property
    def may_retry(self) -> bool:
        """Whether another run may do better."""
        return not self.succeeded and self.cause in ("exit", "timeout", "lost")

    def reason(self, timeout_s: int | None) -> str | None:
        """Say in words why the run did not succeed; None where it did."""
        if self.succeeded:
            return None
        match self.cause:
            case "timeout":
                return f"timed out after {timeout_s} s"
            case "stop":
                return "stopped"
            case "start":
                return f"could not start: {self.message}"
            case "lost":
                return f"lost: {self.message}"
        if self.signal is not None:
            return f"killed by signal {self.signal} ({signal_name(self.signal)})"
        # a shell says 128 + n of a command that signal n killed
        by = self.exit_code - 128 if self.exit_code and self.exit_code > 128 else None
        return f"exit code {self.exit_code}" + (f" ({name})" if by and (name := signal_name(by)) else "")


def signal_name(number: int) -> str:
    """Return SIGKILL for 9; the empty string for no signal's number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
