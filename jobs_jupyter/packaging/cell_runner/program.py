"""The program: one cell, from its files to its exit code.

The exit code is 0, that of sys.exit, 130 after an interrupt, else 1.
"""

# ruff: noqa: BLE001, T201 - it prints and reports whatever the user's cell does

from __future__ import annotations

import ast
import inspect
import json
import os
import sys
import types
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from . import output, report
from .results import CellError, Outputs, load_input

VALUE = "_jobs_jupyter_value"
_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Cell:
    """One cell and what it needs."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = os.path.join(folder, "cell.py")
        with open(self.path, encoding="utf-8") as file:
            self.source = file.read()
        with open(os.path.join(folder, "cell.json"), encoding="utf-8") as file:
            self.about: dict[str, Any] = json.load(file)
        self.outputs = Outputs(
            os.environ.get("JOBS_JUPYTER_OUTPUT_DIR") or os.path.join(folder, "outputs"),
            self.about.get("outputs") or (),
        )
        self.places = report.Places(self.path)
        self.module = types.ModuleType("__main__")
        self.shell: Any = None

    # Before the user's directory is on the path

    def prepare(self) -> None:
        """Read the cell; import all that running and reporting it takes."""
        sys.modules["__main__"] = self.module
        self.outputs.promise()
        self._open_shell()
        above = "\n" * int(self.about.get("lines_above", 0))
        source = above + self._transformed()
        if "get_ipython()" in source:
            from . import shell

            shell.load_magics()
        self._quote(above + self.source, source)
        tree = compile(source, self.path, "exec", _FLAGS | ast.PyCF_ONLY_AST, True)
        self._shows = _keep_value(tree, source)
        self._code = compile(tree, self.path, "exec", _FLAGS, True)
        if self._code.co_flags & inspect.CO_COROUTINE:
            import asyncio  # noqa: F401 - now, not once the user's directory is on the path

    def _open_shell(self) -> None:
        try:
            from . import shell
        except ImportError:
            return
        hook = sys.excepthook
        self.shell = shell.open_shell(self.module, os.path.join(self.folder, "ipython"))
        sys.excepthook = hook
        self.module.__dict__["exit"] = self.module.__dict__["quit"] = sys.exit

    def _transformed(self) -> str:
        """Return the cell as Python, line by line the same."""
        if self.shell is None:
            return self.source
        blank = self.source[: len(self.source) - len(self.source.lstrip())].count("\n")  # IPython drops these
        return "\n" * blank + str(self.shell.transform_cell(self.source))

    def _quote(self, written: str, source: str) -> None:
        """Let tracebacks quote the cell, whatever becomes of its file."""
        self.places.add(self.path, source)
        first = len(written) - len(written.lstrip())
        if written[first:].startswith("%%"):  # the rest is the magic's
            body = written[first:].partition("\n")[2]
            self.places.add_body(body, written[:first].count("\n") + 1)

    # The cell

    def run(self) -> None:
        """Load the inputs and run the cell."""
        self._load_inputs()
        if self.shell is None:
            self._evaluate(nullcontext(), _print_value)
            return
        from . import shell

        self.shell.begin(self.source)
        try:
            self._evaluate(self.shell.builtin_trap, shell.show)
        finally:
            self.shell.end(self.source)

    def _load_inputs(self) -> None:
        names = self.about.get("inputs") or []
        here = "{}.{}".format(*sys.version_info)
        if names and self.about.get("python", here) != here:
            raise CellError(
                f"The inputs {', '.join(names)} were pickled by Python {self.about['python']} and this is "
                f"Python {here}. Run the job with Python {self.about['python']}."
            )
        for name in names:
            setattr(self.module, name, load_input(self.folder, name))

    def _evaluate(self, context: AbstractContextManager[Any], show: Callable[[object], None]) -> None:
        namespace = self.module.__dict__
        with context:
            coroutine = eval(self._code, namespace)  # noqa: S307 - the cell is the user's own
            if self._code.co_flags & inspect.CO_COROUTINE:
                import asyncio

                asyncio.run(coroutine)
            value = namespace.pop(VALUE, None)
            if self._shows and value is not None:
                namespace["_"] = value
                show(value)

    # Its end

    def keep_results(self) -> None:
        """Write the variables that come back."""
        self.outputs.keep(self.module.__dict__)

    def keep_displayed(self) -> None:
        """Write how much was displayed beyond text."""
        if self.shell is not None:
            with suppress(OSError):
                self.outputs.keep_displayed(self.shell.display_pub.displayed)

    def keep_error(self, error: BaseException) -> None:
        """Write what the exception was."""
        with suppress(OSError):
            self.outputs.keep_error(report.summary(error, self.places))

    def print_error(self, error: BaseException) -> None:
        """Print an exception into the log."""
        told = f"\x1b[1;31m{error}\x1b[0m\n" if isinstance(error, CellError) else None
        with suppress(Exception):
            text = told or report.text(error, self.places)
            try:
                print(text, end="", file=sys.stderr)
            except Exception:  # the user's program has replaced or closed it
                print(text, end="", file=sys.__stderr__)


def _keep_value(tree: ast.Module, source: str) -> bool:
    """Let the last expression's value be kept; tell whether it is to be shown."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return False
    target = ast.copy_location(ast.Name(VALUE, ast.Store()), last)
    tree.body[-1] = ast.copy_location(ast.Assign([target], last.value), last)
    line = source.split("\n")[(last.end_lineno or 1) - 1]
    return not line.encode()[last.end_col_offset or 0 :].decode().lstrip().startswith(";")


def _print_value(value: object) -> None:
    print(repr(value))


def use_path(folder: str) -> None:
    """Let the cell import its neighbours, as a notebook does, and not the files of the runner."""
    sys.path[:] = [os.getcwd(), *(entry for entry in sys.path if os.path.abspath(entry) != folder)]
    sys.argv = ["cell.py"]


def main(folder: str) -> int:
    """Run the cell in this folder; return the exit code."""
    streams = output.open_streams()
    cell = Cell(folder)
    process = os.getpid()
    try:
        return _run(cell, process)
    finally:
        if os.getpid() == process:
            cell.keep_displayed()
        output.flush(streams)


def _run(cell: Cell, process: int) -> int:
    """Run the cell; what it gives back is kept by the process that began, not by one forked from it."""
    try:
        status = _status(cell)
        if status == 0 and os.getpid() == process:
            cell.keep_results()
    except BaseException as error:
        cell.print_error(error)
        if os.getpid() == process:
            cell.keep_error(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return status


def _status(cell: Cell) -> int:
    try:
        cell.prepare()
        use_path(cell.folder)
        cell.run()
    except SystemExit as error:
        return _exit_status(error.code)
    return 0


def _exit_status(code: object) -> int:
    """Return what a process can exit with: what is not 0 stays so, also where its low byte is 0."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF or (1 if code else 0)
    print(code, file=sys.stderr)
    return 1
