"""IPython in a job: what a notebook's front end and kernel supply to it, as far as a job has that."""

# ruff: noqa: T201 - what a notebook shows in its pager, a job prints

from __future__ import annotations

import atexit
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from IPython.display import display
from traitlets import Type
from traitlets.config import Config

# Magics that ipykernel adds, for a page or a terminal that a job does not have.
_NOT_IN_JOBS = ("autosave", "clear", "cls", "connect_info", "edit", "qtconsole", "subshell")
_SHELL = "IPython.core.interactiveshell"
_MAGICS = (
    "auto",
    "basic",
    "code",
    "config",
    "display",
    "execution",
    "logging",
    "namespace",
    "osm",
    "packaging",
    "pylab",
    "script",
)
_FIGURES = ("image/", "application/vnd.plotly", "application/vnd.bokeh", "application/vnd.vega")


class Publisher(DisplayPublisher):
    """Prints the text of what is displayed, and counts what has more than text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.displayed: Counter[str] = Counter()

    def publish(self, data: Any, *args: Any, update: bool = False, **kwargs: Any) -> None:
        """Show one thing; see IPython."""
        kind = _kind(data)
        if kind and not update:
            self.displayed[kind] += 1
        super().publish(data, *args, update=update, **kwargs)


def _kind(data: dict[str, Any]) -> str | None:
    """Return what a display is beyond its text; None where that is all."""
    if any(name.startswith(_FIGURES) for name in data):
        return "figure"
    if "<table" in str(data.get("text/html", "")):
        return "table"
    return None if set(data) <= {"text/plain", "text/latex"} else "output"


class CellShell(InteractiveShell):
    """The shell of a cell in a job."""

    display_pub_class = Type(Publisher)
    _raises = 0  # depth of `run_cell`

    def enable_gui(self, gui: Any = None) -> None:
        """Do nothing: a job has no window, and figures are drawn without one."""

    def ask_exit(self) -> None:
        """Do nothing: the job ends with its cell."""

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """Do nothing: there is no next cell to write into."""

    def get_parent(self) -> dict[str, Any]:
        """Return the message that runs the cell: there is none."""
        return {}

    def init_hooks(self) -> None:
        """Print what a notebook shows in its pager."""
        super().init_hooks()
        self.set_hook("show_in_pager", _pager, 99)

    def init_magics(self) -> None:
        """Accept the magics that only a front end can follow."""
        super().init_magics()
        own: dict[str, Callable[[str], None]] = dict.fromkeys(_NOT_IN_JOBS, _do_nothing)
        own |= {"less": _print_file, "more": _print_file, "man": self._print_manual}
        for name, function in own.items():
            self.register_magic_function(function, magic_name=name)  # type: ignore[call-arg, arg-type]

    def _print_manual(self, line: str) -> None:
        """Print a manual page."""
        print("\n".join(self.getoutput(f"man {line} | col -b")))

    def run_cell(self, *args: Any, **kwargs: Any) -> Any:
        """Run what a magic such as `%%capture` hands back, and let its exception end the job."""
        self._raises += 1
        try:
            result = super().run_cell(*args, **kwargs)
        finally:
            self._raises -= 1
        result.raise_error()
        return result

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Show an exception, unless one of IPython's own magics would leave it at that: it ends the job."""
        caller, error = str(sys._getframe(1).f_globals.get("__name__")), sys.exc_info()[1]
        if self._raises and caller.startswith(_SHELL):
            return  # `run_cell` raises it
        if error is not None and caller.startswith((_SHELL, "IPython.core.magics.")):
            raise error
        super().showtraceback(*args, **kwargs)

    def begin(self, source: str) -> None:
        """Tell extensions that the cell begins: autoreload looks at modules now."""
        self.events.trigger("pre_execute")
        self.events.trigger("pre_run_cell", self._info(source))

    def end(self, source: str) -> None:
        """Tell extensions that the cell has ended: matplotlib displays the figures that are open."""
        self.events.trigger("post_execute")
        self.events.trigger("post_run_cell", ExecutionResult(self._info(source)))

    def _info(self, source: str) -> ExecutionInfo:
        given = (source, False, False, True, None)
        try:
            return ExecutionInfo(*given)
        except TypeError:  # some releases of IPython want one more
            return ExecutionInfo(*given, None)


def _do_nothing(_: str) -> None:
    """Do nothing: a job has no page and no terminal."""


def _pager(_: object, text: Any, *__: object, **___: object) -> None:
    print(text["text/plain"] if isinstance(text, dict) else text)


def _print_file(line: str) -> None:
    """Print a file."""
    with open(os.path.expanduser(line.strip()), encoding="utf-8", errors="replace") as file:
        print(file.read(), end="")


def open_shell(module: Any, folder: str) -> CellShell:
    """Return the shell whose namespace is the module's.

    It finds what `%store` and `%bookmark` have kept for the notebook, where that is there. Else its files
    are in `folder`.
    """
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.MagicsManager.lazy_magics = {"store": "IPython.extensions.storemagic"}
    users = os.environ.get("IPYTHONDIR") or os.path.expanduser("~/.ipython")
    profile = os.path.join(users, "profile_default")
    if os.path.isdir(os.path.join(profile, "db")) and os.access(profile, os.W_OK):
        folder = users
    shell = CellShell.instance(config=config, ipython_dir=folder, user_module=module)
    atexit.unregister(shell.atexit_operations)  # they would also run at the end of a forked process
    return shell


def load_magics() -> None:
    """Import what magics import when they are first used: later, a file of the user's may have that name."""
    for name in (
        *(f"IPython.core.magics.{each}" for each in _MAGICS),
        "IPython.core.oinspect",
        "html",
        "pexpect",
    ):
        with suppress(ImportError):
            import_module(name)


def show(value: object) -> None:
    """Show the value of the cell's last expression."""
    display(value)
