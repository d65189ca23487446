"""Turn a notebook cell into a durable background job.

`%load_ext jobs_jupyter` brings the magics; `jobs_jupyter.job`, `job_queue`,
`compute_config`, `connection` and `secret` are the SDK. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from jobs_jupyter._version import __version__

if TYPE_CHECKING:
    from jobs_jupyter import compute_config, connection, job, job_queue, secret
    from jobs_jupyter.notebook.handle import Job, get

__all__ = [
    "Job",
    "__version__",
    "compute_config",
    "connection",
    "get",
    "job",
    "job_queue",
    "load_ipython_extension",
    "secret",
    "unload_ipython_extension",
]

_MODULES = frozenset({"compute_config", "connection", "job", "job_queue", "secret"})
_HOMES = {"Job": "jobs_jupyter.notebook.handle", "get": "jobs_jupyter.notebook.handle"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"jobs_jupyter.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'jobs_jupyter' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Register `%%job` and `%job`; called by `%load_ext jobs_jupyter`."""
    from jobs_jupyter.notebook.extension import register

    register(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again; called by `%unload_ext jobs_jupyter`."""
    from jobs_jupyter.notebook.extension import unregister

    unregister(shell)
