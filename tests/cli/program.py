"""`jupyter-jobs` as its user calls it: in a pipe, and on a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = str(Path(sys.executable).parent / "jupyter-jobs")
WITHIN_S = 20.0
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def cli(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, its output in pipes."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Terminal:
    """The program on a pseudo-terminal of its own, whose keys can be pressed."""

    def __init__(self, *arguments: str, columns: int = 120) -> None:
        self._main, inner = pty.openpty()
        termios.tcsetwinsize(inner, (40, columns))
        hidden = ("NO_COLOR", "COLUMNS", "FORCE_COLOR")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, PROGRAM, *arguments],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
            env={**{k: v for k, v in os.environ.items() if k not in hidden}, "TERM": "xterm-256color"},
        )
        os.close(inner)
        self.raw = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._main)

    @property
    def text(self) -> str:
        """What it has shown, without colours."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    def shows(self, text: str) -> None:
        """Wait until that is shown."""
        deadline = time.monotonic() + WITHIN_S
        while text not in self.text:
            assert time.monotonic() < deadline, f"{text!r} was not shown, but: {self.text!r}"
            assert self._read(), f"{text!r} was not shown before its end, but: {self.text!r}"

    def press(self, keys: str) -> None:
        """Press keys; `\\x03` is Ctrl-C."""
        os.write(self._main, keys.encode())

    def ends(self) -> int:
        """Wait for its end; returns the exit code."""
        while self._read():
            pass
        return self._process.wait(WITHIN_S)

    def _read(self) -> bool:
        if select.select([self._main], [], [], WITHIN_S)[0]:
            try:
                chunk = os.read(self._main, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                return False
            self.raw += chunk.decode(errors="replace")
            return bool(chunk)
        raise AssertionError(f"it hangs after {self.text!r}")
