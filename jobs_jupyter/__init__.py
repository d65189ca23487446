"""Turn a notebook cell into a durable background job.

`%load_ext jobs_jupyter` brings the magics; `jobs_jupyter.job` is the Job SDK. Nothing heavy is
imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jobs_jupyter._version import __version__

if TYPE_CHECKING:
    from jobs_jupyter import job
    from jobs_jupyter.notebook.handle import Job, get

__all__ = ["Job", "__version__", "get", "job", "load_ipython_extension", "unload_ipython_extension"]

_HOMES = {"Job": "jobs_jupyter.notebook.handle", "get": "jobs_jupyter.notebook.handle"}


def __getattr__(name: str) -> Any:
    if name == "job":
        return importlib.import_module("jobs_jupyter.job")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'jobs_jupyter' has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:
    """Register `%%job` and `%job`; called by `%load_ext jobs_jupyter`."""
    from jobs_jupyter.notebook.extension import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again; called by `%unload_ext jobs_jupyter`."""
    from jobs_jupyter.notebook.extension import unregister

    unregister(shell)
