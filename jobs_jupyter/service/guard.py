"""Runs a program for the service, and ends it when the service does, however that ends.

A program of its own, without `site` to be small: the command is in the arguments, stdin is a pipe
that the service holds. At its end all that the command has started is killed. The exit code is
the command's; 128 + n where signal n killed it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

if not __package__:  # run as a program, without the directories that `site` would add
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from jobs_jupyter.service import machine


def guard(command: list[str]) -> int:
    """Execute the command, and return its exit code."""
    machine.become_subreaper()
    wakeup, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = _start(command)
    while (status := _status(child)) is None:
        ready, _, _ = select.select([0, wakeup], [], [])
        if 0 in ready and not os.read(0, 512):
            _kill_all()
        if wakeup in ready:
            os.read(wakeup, 512)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _start(command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execvp(command[0], command)
    except OSError as problem:
        os.write(2, f"{command[0]}: {problem.strerror}\n".encode())
    finally:
        os._exit(127)


def _status(child: int) -> int | None:
    """Collect what has ended; the child's status, None while it runs."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            found = status


def _kill_all() -> None:
    """Kill every descendant, until none is left, not even as a zombie."""
    while True:
        machine.signal_all(machine.descendants(os.getpid()), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
            continue
        os._exit(128 + signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
