"""Registering the magics without importing what they need."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from IPython.core.magic import no_var_expand

from jobs_jupyter.notebook import options
from jobs_jupyter.notebook.cell_lines import as_meant


@no_var_expand
def _cell(line: str, cell: str) -> Any:
    with contextlib.suppress(options.UsageError, options.HelpWanted):  # said below, in the notebook's way
        options.cell_parser().read(line)
        _start_the_service()
    from jobs_jupyter.notebook.magics import run_cell

    return run_cell(line, cell)


@no_var_expand
def _line(line: str) -> Any:
    from jobs_jupyter.notebook.magics import run_line

    return run_line(line)


def _start_the_service() -> None:
    """Let the service start while this process still imports what packages the cell."""
    from jobs_jupyter.client.service import start_early

    threading.Thread(target=start_early, name="jobs-jupyter-start", daemon=True).start()


def register(shell: Any) -> None:
    """Add `%%job` and `%job` to a shell."""
    _cell.__doc__ = options.cell_help()
    _line.__doc__ = options.line_help()
    shell.register_magic_function(_cell, magic_kind="cell", magic_name="job")
    shell.register_magic_function(_line, magic_kind="line", magic_name="job")
    unregister_transform(shell)
    shell.input_transformers_cleanup.append(as_meant)


def unregister(shell: Any) -> None:
    """Remove them again."""
    for kind in ("cell", "line"):
        shell.magics_manager.magics[kind].pop("job", None)
    unregister_transform(shell)


def unregister_transform(shell: Any) -> None:
    """Let cells be read as IPython alone reads them."""
    cleanup = shell.input_transformers_cleanup
    cleanup[:] = [transform for transform in cleanup if transform is not as_meant]
