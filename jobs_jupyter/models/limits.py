"""How large a package may be, unless the environment of whoever submits says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping

from jobs_jupyter.models.errors import PackageError

BYTES, FILES = 2**30, 50_000
BYTES_VARIABLE = "JOBS_JUPYTER_MAX_PACKAGE_BYTES"
FILES_VARIABLE = "JOBS_JUPYTER_MAX_PACKAGE_FILES"


def limit(variable: str, default: int, environment: Mapping[str, str] = os.environ) -> int:
    """Return the whole number in the environment variable, or the default."""
    text = environment.get(variable)
    if not text:
        return default
    if not text.isdecimal() or int(text) == 0:
        raise PackageError(f"{variable} is {text!r}; set it to a whole number above 0, or unset it")
    return int(text)
