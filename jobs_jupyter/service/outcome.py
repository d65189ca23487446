"""How a run ended, and what is said of it."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Any, Literal

from jobs_jupyter.models.sizes import human

NOT_KEPT = "not kept yet."  # ends what is said of displayed figures and tables
LEFT_OUT = "was left out of the job's directory"  # in what is said of a file that a run misses
Cause = Literal["exit", "timeout", "stop", "start", "lost", "memory", "log"]


@dataclass(frozen=True)
class Outcome:
    """The end of one run.

    `exit_code` is None where there was none: `signal` killed it, or it never started (`start`), or
    nobody saw its end (`lost`). `limit` is how many bytes of `memory` or of its `log` it might have;
    with `out_of_memory` it had no limit, and the machine had no memory left. `missing` are the results that
    its cell promised and did not give back; `displayed` says what the cell displayed beyond text, `left_out`
    which file it misses that a rule kept from it.
    `started_at` and `ended_at` are in microseconds; `peak_memory` is in bytes.
    """

    cause: Cause
    exit_code: int | None = None
    signal: int | None = None
    message: str = ""
    started_at: int | None = None
    ended_at: int | None = None
    error: dict[str, Any] | None = None
    missing: tuple[str, ...] = ()
    displayed: str | None = None
    left_out: str | None = None
    out_of_memory: bool = False
    limit: int | None = None
    cpu_time_s: float | None = None
    peak_memory: int | None = None

    @property
    def had_process(self) -> bool:
        """Whether the run's command was executed at all."""
        return self.cause != "start" and (
            self.cause != "stop" or (self.exit_code, self.signal) != (None, None)
        )

    @property
    def succeeded(self) -> bool:
        """Whether the run did what it should."""
        return self.cause == "exit" and self.exit_code == 0 and not self.missing

    @property
    def may_retry(self) -> bool:
        """Whether another run may do better."""
        return not self.succeeded and self.cause in ("exit", "timeout", "lost", "memory", "log")

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
            case "memory":
                return f"killed: out of memory, peak {human(self.peak_memory or 0)} (limit {_limit(self)})"
            case "log":
                return (
                    f"killed: its log grew beyond {_limit(self)}, and the file system can't let go of "
                    "a log's middle; write less, or raise log_max_bytes"
                )
        return self._how_it_exited()

    def _how_it_exited(self) -> str:
        if self.signal is not None:
            name = "out of memory" if self.out_of_memory else signal_name(self.signal)
            return f"killed by signal {self.signal} ({name})"
        if self.exit_code == 0:
            names = ", ".join(self.missing)
            return f"ended without its results ({names}): os._exit or exec came before they could be kept"
        # a shell says 128 + n of a command that signal n killed
        by = self.exit_code - 128 if self.exit_code and self.exit_code > 128 else None
        name = "out of memory" if self.out_of_memory else signal_name(by) if by else ""
        return f"exit code {self.exit_code}" + (f" ({name})" if name else "")


def _limit(outcome: Outcome) -> str:
    return human(outcome.limit or 0)


def signal_name(number: int) -> str:
    """Return SIGKILL for 9; the empty string for no signal's number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""
