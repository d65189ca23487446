"""Runs a cell in a job. Stands alone: it is copied into the package and imports nothing of ours.

Beside it lie cell.py (the cell as the user wrote it), cell.json and inputs/<name>.pickle. What
comes back is written to the directory that JOBS_JUPYTER_OUTPUT_DIR names: <name>.pickle and
outputs.json, or error.json. The exit code is 0, that of sys.exit, 130 after an interrupt, else 1.
"""

# ruff: noqa: BLE001, S301, T201 - it prints, unpickles and reports whatever the user's cell does

from __future__ import annotations

import ast
import atexit
import inspect
import io
import json
import os
import pickle
import re
import select
import signal
import sys
import threading
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

FLUSH_S = 0.05
VALUE = "_jobs_jupyter_value"
STARTS_PROCESS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "pty.spawn"})


class Output:
    """Buffered stdout and stderr, in one order, flushed by a timer instead of at each line.

    A line costs as little as in a pipe and is still seen at once. What may run without Python's
    own exit (a fork, a program that is started, SIGTERM) is preceded by a flush.
    """

    def __init__(self) -> None:
        out = io.BufferedWriter(io.FileIO(1, "w", closefd=False), 1 << 16)
        err = out if _same_file(1, 2) else io.BufferedWriter(io.FileIO(2, "w", closefd=False), 1 << 16)
        self._buffers = [out] if out is err else [out, err]
        sys.stdout = sys.__stdout__ = _text(out)  # type: ignore[misc]
        sys.stderr = sys.__stderr__ = _text(err)  # type: ignore[misc]

    def start(self) -> None:
        """Flush from now on, in this process and in those forked from it."""
        self._watch()
        os.register_at_fork(
            before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._watch
        )
        sys.addaudithook(self._audit)
        atexit.register(self.flush)
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminated)

    def flush(self) -> None:
        """Write what is pending."""
        for buffer in self._buffers:
            with suppress(OSError, ValueError, RuntimeError):  # no reader, closed, in a signal handler
                buffer.flush()

    def _watch(self) -> None:
        self._lock = threading.Lock()
        self._signals, wake = os.pipe()
        os.set_blocking(wake, False)
        with suppress(ValueError):  # not in the main thread
            signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        threading.Thread(target=self._loop, name="flush", daemon=True).start()

    def _loop(self) -> None:
        while True:
            ready = select.select([self._signals], [], [], FLUSH_S)[0]
            with self._lock:
                self.flush()
            if ready and signal.SIGTERM in os.read(self._signals, 64):
                self._die_if_ours()

    def _before_fork(self) -> None:
        self._lock.acquire()
        self.flush()

    def _after_fork(self) -> None:
        self._lock.release()

    def _audit(self, event: str, _: object) -> None:
        if event in STARTS_PROCESS:
            self.flush()

    def _terminated(self, number: int, _: object) -> None:
        self.flush()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _die_if_ours(self) -> None:
        """Die of SIGTERM at once while the main thread is in C code and would notice only later."""
        if signal.getsignal(signal.SIGTERM) == self._terminated:
            import ctypes

            reset = ctypes.CDLL(None).signal
            reset.argtypes, reset.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
            reset(int(signal.SIGTERM), None)
            os.kill(os.getpid(), signal.SIGTERM)


def _same_file(one: int, other: int) -> bool:
    return os.path.sameopenfile(one, other)


def _text(buffer: Any) -> io.TextIOWrapper:
    return io.TextIOWrapper(buffer, "utf-8", "backslashreplace", newline="\n", write_through=True)


class CellError(Exception):
    """The cell cannot be run, or its results cannot be kept; one sentence for the user."""


class Cell:
    """One cell and what it needs."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, "cell.py")
        self.outputs_folder = os.environ.get("JOBS_JUPYTER_OUTPUT_DIR") or os.path.join(folder, "outputs")
        with open(self.path, encoding="utf-8", newline="") as file:
            self.source = file.read()
        with open(os.path.join(folder, "cell.json"), encoding="utf-8") as file:
            self.about: dict[str, Any] = json.load(file)
        self.module = types.ModuleType("__main__")

    def run(self) -> None:
        """Run the cell with its inputs, then keep its outputs."""
        sys.modules["__main__"] = self.module
        self._load_inputs()
        self._execute()
        self._save_outputs()

    # Inputs

    def _load_inputs(self) -> None:
        names = self.about.get("inputs") or []
        here = "{}.{}".format(*sys.version_info)
        if names and self.about.get("python", here) != here:
            raise CellError(
                f"The inputs {', '.join(names)} were pickled by Python {self.about['python']} and this is "
                f"Python {here}; run the job with Python {self.about['python']}"
            )
        for name in names:
            setattr(self.module, name, self._load_input(name))

    def _load_input(self, name: str) -> object:
        try:
            with open(os.path.join(self.folder, "inputs", f"{name}.pickle"), "rb") as file:
                return pickle.load(file)
        except ModuleNotFoundError as error:
            package = (error.name or str(error)).partition(".")[0]
            raise CellError(
                f"The input {name!r} needs the package {package!r}, which the job's environment lacks; "
                f"add it with --requirements {package}"
            ) from None
        except Exception as error:
            raise CellError(
                f"The input {name!r} cannot be unpickled: {type(error).__name__}: {error}; make the value "
                f"in the cell instead, or give the job the notebook's versions of its packages"
            ) from None

    # The cell

    def _execute(self) -> None:
        namespace = self.module.__dict__
        transform, show, context = _shell(self.module)
        blank = self.source[: len(self.source) - len(self.source.lstrip())].count("\n")  # IPython drops these
        source = "\n" * blank + transform(self.source)
        _remember(self.path, source)
        tree = compile(source, self.path, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body[-1] = _assignment(VALUE, last)
        with context:
            self._evaluate(tree, namespace)
            value = namespace.pop(VALUE, None)
            if isinstance(last, ast.Expr) and value is not None and not _ends_quietly(source, last):
                namespace["_"] = value
                show(value)

    def _evaluate(self, tree: ast.Module, namespace: dict[str, Any]) -> None:
        code = compile(tree, self.path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        coroutine = eval(code, namespace)  # noqa: S307 - the cell is the user's own
        if code.co_flags & inspect.CO_COROUTINE:
            import asyncio

            asyncio.run(coroutine)

    # Outputs

    def _save_outputs(self) -> None:
        about: dict[str, Any] = {}
        for name in self.about.get("outputs") or []:
            if not hasattr(self.module, name):
                raise CellError(
                    f"The cell did not set {name!r}, which it should give back; set it, or leave it out of -o"
                )
            about[name] = self._save_output(name, getattr(self.module, name))
        self.write(
            "outputs.json", _json({"python": "{}.{}.{}".format(*sys.version_info), "variables": about})
        )

    def _save_output(self, name: str, value: object) -> dict[str, Any]:
        kind = type(value)
        try:
            try:
                from cloudpickle import dumps
            except ImportError:
                from pickle import dumps
            content = dumps(value, protocol=5)
        except Exception as error:
            raise CellError(
                f"The result {name!r} ({kind.__module__}.{kind.__qualname__}) cannot be pickled: {error}; "
                f"give back what it is made from, or save it to a file"
            ) from None
        self.write(f"{name}.pickle", content)
        package = kind.__module__.partition(".")[0]
        version = getattr(sys.modules.get(package), "__version__", None)
        return {
            "type": kind.__qualname__,
            "module": kind.__module__,
            "package": package,
            "version": version if isinstance(version, str) else None,
            "size": len(content),
        }

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the outputs, whole or not at all."""
        os.makedirs(self.outputs_folder, exist_ok=True)
        path = os.path.join(self.outputs_folder, name)
        with open(f"{path}.tmp", "wb") as file:
            file.write(content)
        os.replace(f"{path}.tmp", path)

    def report(self, error: BaseException) -> None:
        """Print an exception, from the cell's own frame on, and keep it as error.json."""
        if isinstance(error, CellError):
            print(f"\x1b[1;31m{error}\x1b[0m", file=sys.stderr)
            line = None
        else:
            line = self._line(error)
            with suppress(Exception):
                print(self._traceback(error), end="", file=sys.stderr)
        try:
            message = str(error)
        except Exception:
            message = "its message cannot be shown"
        if isinstance(error, SyntaxError):
            message = error.msg or message
        with suppress(OSError):
            about = {"type": type(error).__name__, "message": message, "line": line}
            self.write("error.json", _json(about))

    def _line(self, error: BaseException) -> int | None:
        if isinstance(error, SyntaxError) and error.filename == self.path:
            return error.lineno
        frames = traceback.walk_tb(error.__traceback__)
        lines = [number for frame, number in frames if frame.f_code.co_filename == self.path]
        return lines[-1] if lines else None

    def _traceback(self, error: BaseException) -> str:
        start = error.__traceback__
        while start is not None and start.tb_frame.f_code.co_filename != self.path:
            start = start.tb_next
        own = error.with_traceback(start)
        formatted = traceback.TracebackException(type(own), own, own.__traceback__)
        text, last = "".join(formatted.format()), "".join(formatted.format_exception_only())
        if text.endswith(last):
            text = f"{text[: -len(last)]}\x1b[1;31m{last.rstrip()}\x1b[0m\n"
        place = re.compile(rf'File "{re.escape(self.path)}", line (\d+)(?:, in <module>)?')
        return place.sub("\x1b[1;36mcell line \\1\x1b[0m", text)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1).encode()


def _remember(path: str, source: str) -> None:
    """Let tracebacks quote the cell, whatever becomes of its file."""
    import linecache

    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)


def _assignment(name: str, last: ast.Expr) -> ast.Assign:
    """Return `name = …` in the place of a last expression, so that one run gives its value too."""
    target = ast.copy_location(ast.Name(name, ast.Store()), last)
    return ast.copy_location(ast.Assign([target], last.value), last)


def _ends_quietly(source: str, last: ast.Expr) -> bool:
    """Tell whether a semicolon follows the last expression."""
    lines = source.split("\n")[(last.end_lineno or 1) - 1 :]
    rest = lines[0].encode()[last.end_col_offset or 0 :].decode()
    return rest.lstrip().startswith(";")


def _shell(module: types.ModuleType) -> tuple[Callable[[str], str], Callable[[object], Any], Any]:
    """Return how a cell is made Python, how a value is shown, and the context to run in."""
    from contextlib import nullcontext

    try:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import display
    except ImportError:
        return str, print_repr, nullcontext()
    import tempfile

    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    folder = tempfile.TemporaryDirectory(prefix="ipython-")
    atexit.register(folder.cleanup)
    hook = sys.excepthook
    shell = InteractiveShell.instance(config=config, ipython_dir=folder.name, user_module=module)
    sys.excepthook = hook
    module.__dict__["exit"] = module.__dict__["quit"] = sys.exit
    return shell.transform_cell, display, shell.builtin_trap


def print_repr(value: object) -> None:
    """Show a value where there is no IPython."""
    print(repr(value))


def prepare_path(folder: str) -> None:
    """Let the cell import its neighbours, as a notebook does, and not the files of the runner."""
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path if os.path.abspath(entry) != folder)]
    sys.argv = ["cell.py"]


def main() -> int:
    """Run the cell that lies beside this file."""
    output = Output()
    output.start()
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.modules["__jobs_jupyter_runner__"] = sys.modules["__main__"]  # keep the globals of this file
    prepare_path(folder)
    cell = Cell(folder)
    try:
        cell.run()
    except SystemExit as error:
        return _exit_code(cell, error.code)
    except KeyboardInterrupt as error:
        cell.report(error)
        return 130
    except BaseException as error:
        cell.report(error)
        return 1
    return 0


def _exit_code(cell: Cell, code: object) -> int:
    if code is None or code == 0:
        try:
            cell._save_outputs()
        except CellError as error:
            cell.report(error)
            return 1
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
