"""Programs of others that both sides look for."""

from __future__ import annotations

import shutil


def find_uv() -> str | None:
    """Return the uv that was installed with this package, else that of the PATH; None: there is none."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        return shutil.which("uv")
