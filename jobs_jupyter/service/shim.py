"""The parent of a run: starts it, waits for it, stops it, and writes down how it ended.

A shim outlives the service. All it needs it is told when it is forked, all it learns goes into the
run's directory: the claim when it takes the run on, `exit.json` when the run has ended. Nothing
else can know a run's exit code once the service is gone.

This file is a program of its own, run without `site` to be small: a warm process that forks one
shim per request line on the socket inherited as descriptor `argv[1]`, and answers with its pid.
It ends when the service does; its shims go on.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from typing import Any, NoReturn

if not __package__:  # run as a program, without the directories that `site` would add
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from jobs_jupyter.service import durable, machine
from jobs_jupyter.service.contained import Contained
from jobs_jupyter.service.watch import Watch

KILL_EVERY_S = 0.02
WRITE_AGAIN_S = 1.0
OWN_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT)


class Run:
    """One run, from its claim to its end.

    `spec` has `program`, `argv`, `directory`, `environment` (a file, JSON; None: the shim's own), `extra`
    (variables on top of it; None takes one away), `stdin` (text; None: nothing), `log`, `claim`, `stop`,
    `exit` (paths), `timeout_s` (None: no limit), `grace_s`, `container` (for `Contained`; None: it is in
    none), and what `Watch` reads.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.started_at = time.time()
        self.began = time.monotonic()
        self.status: int | None = None
        self.cause = "exit"
        self.child = 0
        self.wakeup = -1
        self.watch = Watch(spec)
        self.container = Contained(spec["container"]) if spec["container"] else None

    def claim(self) -> bool:
        """Take the run on, or learn that it was revoked: the file appears once, with its content."""
        pid = os.getpid()
        known = {"pid": pid, "start": machine.start_time(pid), "at": self.started_at}
        left = {name: self.spec[name] for name in ("cgroup", "container")}
        text = json.dumps({**known, **left})
        scratch = f"{self.spec['claim']}.{pid}"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            durable.write_all(descriptor, text.encode())
        finally:
            os.close(descriptor)
        try:
            os.link(scratch, self.spec["claim"])
        except FileExistsError:
            return False
        finally:
            os.unlink(scratch)
        return True

    def listen(self) -> None:
        """Turn SIGCHLD and SIGTERM into bytes on a pipe; from here on neither can be missed."""
        self.wakeup, write = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    def spawn(self) -> None:
        """Start the run's command, its output going straight into the log."""
        merged = {**_environment(self.spec["environment"]), **self.spec["extra"]}
        environment = {name: value for name, value in merged.items() if value is not None}
        log = os.open(self.spec["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        stdin = _stdin(self.spec["stdin"])
        self.watch.begin()
        if self.watch.holds:
            self._fork(environment, stdin, log)
        else:
            self.child = _spawn(self.spec, environment, stdin, log)
        if self.container:
            self.watch.meter.apart = self.child
        os.close(stdin)
        os.close(log)

    def _fork(self, environment: dict[str, str], stdin: int, log: int) -> None:
        """Start the command from a process that submits to the limits first."""
        read, write = os.pipe()
        # blocked until the child has handlers of its own: a stop that comes at once must end it
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        self.child = os.fork()
        if self.child == 0:
            _become(self.spec, self.watch, environment, (stdin, log, log), write)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        os.close(write)
        with os.fdopen(read) as file:
            if problem := file.read():
                raise OSError(problem)

    def reap(self) -> bool:
        """Collect what has ended; whether any child is left."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            self.watch.reaped(used)
            if pid == self.child:
                self.status = status

    def sleep(self, seconds: float | None) -> None:
        """Until a signal comes, for `seconds` at most."""
        select.select([self.wakeup], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while os.read(self.wakeup, 512):
                pass

    def wait(self) -> None:
        """Until the run has ended, was asked to stop, or is over its time or another limit."""
        timeout = self.spec["timeout_s"]
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.reap() and self.status is None:
            if os.path.exists(self.spec["stop"]):
                self.cause = "stop"
                return
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                self.cause = "timeout"
                return
            if cause := self.watch.look():
                self.cause = cause
                return
            pause = self.watch.pause_s()
            self.sleep(pause if left is None else min(left, pause))

    def end_tree(self) -> None:
        """SIGTERM to every descendant, SIGKILL after the grace period, until none is left.

        There is no grace for what fills the memory or the disk.
        """
        deadline = time.monotonic() + (0 if self.cause in ("memory", "log") else self.spec["grace_s"])
        self.ask_to_end()
        while self.left():
            if time.monotonic() >= deadline:
                if self.container and self.status is None:
                    self.container.remove()
                machine.signal_all(machine.descendants(os.getpid()), signal.SIGKILL)
            self.sleep(min(KILL_EVERY_S, max(0.0, deadline - time.monotonic())) or KILL_EVERY_S)

    def ask_to_end(self) -> None:
        """Send SIGTERM; in a container by its engine, which has to be told once only."""
        if self.container is None:
            machine.signal_all(machine.descendants(os.getpid()), signal.SIGTERM)
        elif self.status is None and not self.container.stop():
            machine.signal_all([self.child], signal.SIGTERM)  # it has not started yet

    def take_away(self) -> dict[str, Any]:
        """Remove the run's container; returns what that says of its end, for the record."""
        if self.container is None:
            return {}
        state = self.container.state()
        self.container.remove()
        started = state.get("Status") not in (None, "created", "configured", "initialized")
        if self.cause == "exit" and self.container.memory and self.ran_out_of_memory(state):
            self.cause = "memory"
            most = self.container.memory  # samples also count pages of files, which are not the container's
            return {"limit": most, "peak_memory": min(self.watch.meter.peak, most) or None}
        if self.cause == "exit" and not started:
            self.cause = "start"
            return {"message": "the container engine could not start the container; its log says why"}
        return {}

    def ran_out_of_memory(self, state: dict[str, Any]) -> bool:
        """Whether it was killed for its container's limit; not every engine can say so of every process."""
        code = os.waitstatus_to_exitcode(self.status or 0)
        return code != 0 and bool(state.get("OOMKilled") or self.watch.killed_by_kernel(code))

    def left(self) -> bool:
        """Whether any process of the run is left."""
        return self.reap() or (not machine.LINUX and bool(machine.descendants(os.getpid())))

    def record(self, **more: Any) -> None:
        """Write exit.json, however long the disk is full."""
        status = self.status
        code = None if status is None else os.waitstatus_to_exitcode(status)
        if self.cause == "exit" and self.watch.out_of_memory(code):
            self.cause = "memory"
        text = json.dumps(
            {
                "cause": self.cause,
                "exit_code": code if code is not None and code >= 0 else None,
                "signal": -code if code is not None and code < 0 else None,
                "out_of_memory": self.cause == "exit" and self.watch.killed_by_kernel(code),
                "started_at": self.started_at,
                # also where the machine's clock was set back meanwhile
                "ended_at": max(time.time(), self.started_at + time.monotonic() - self.began),
                **self.watch.totals(self.cause),
                **more,
            }
        )
        self.watch.close()
        while not durable.write(self.spec["exit"], text):
            time.sleep(WRITE_AGAIN_S)


def supervise(spec: dict[str, Any]) -> None:
    """See one run through."""
    run = Run(spec)
    if not run.claim():
        return
    run.listen()
    if os.path.exists(spec["stop"]):
        run.cause = "stop"
        run.record()
        return
    try:
        run.spawn()
    except Exception as problem:  # noqa: BLE001 - whatever it is, the job must hear of it
        run.cause = "start"
        run.reap()
        run.record(message=str(problem))
        return
    run.wait()
    if run.left():
        run.end_tree()
    run.record(**run.take_away())


def _environment(kept: str | None) -> dict[str, str]:
    """Return the variables that a file has, or those of this process."""
    if kept is None:
        return dict(os.environ)
    with open(kept) as file:
        found: dict[str, str] = json.load(file)
    return found


def _stdin(given: str | None) -> int:
    """Return a descriptor of what a command reads: nothing, or a text that no list of processes shows."""
    return os.open(os.devnull, os.O_RDONLY) if given is None else machine.unnamed_file(os.fsencode(given))


def _spawn(spec: dict[str, Any], environment: dict[str, str], stdin: int, log: int) -> int:
    """Start the command without a copy of this process, which costs more than most else of a run."""
    os.chdir(spec["directory"])
    try:
        return os.posix_spawn(
            spec["program"],
            spec["argv"],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, stdin, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setpgroup=0,
            setsigmask=[],
            setsigdef=OWN_SIGNALS,
        )
    finally:
        os.chdir("/")


def _become(
    spec: dict[str, Any],
    watch: Watch,
    environment: dict[str, str],
    streams: tuple[int, int, int],
    problems: int,
) -> NoReturn:
    """In the child: become the run's command, or say why not."""
    try:
        os.setpgid(0, 0)
        watch.hold()
        for target, source in enumerate(streams):
            os.dup2(source, target)
        os.set_inheritable(problems, False)
        signal.set_wakeup_fd(-1)
        for number in OWN_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.chdir(spec["directory"])
        os.execve(spec["program"], spec["argv"], environment)
    except BaseException as problem:  # noqa: BLE001 - this process must end here
        os.write(problems, str(problem).encode(errors="replace") or b"unknown problem")
    os._exit(127)


def _shim(spec: dict[str, Any]) -> NoReturn:
    """In the forked process: leave the service's session, and supervise."""
    try:
        os.setsid()
        machine.become_subreaper()
        supervise(spec)
    finally:
        os._exit(0)


def serve(channel: socket.socket) -> None:
    """Fork a shim for each line, which is a run's `spec`; answer `{"pid": n}` or `{"error": text}`."""
    gc.freeze()  # a shim shares the memory of what nobody touches
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in channel.makefile("r"):
        spec, answer = json.loads(line), dict[str, Any]()
        # blocked until the shim has its handlers: a stop that comes at once must not kill the shim
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
        try:
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(channel.fileno())
                _shim(spec)
            answer["pid"] = pid
        except OSError as problem:
            answer["error"] = str(problem)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        channel.sendall(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
