"""The panels' front-end code, as it is built into `static/`."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@cache
def static_text(name: str) -> str:
    """Return a built file's text.

    Raises:
        RuntimeError: the bundle was not built.
    """
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        message = f"{STATIC / name} is missing: build the panels with `make build`, or install a release."
        raise RuntimeError(message) from None


@cache
def panel_code() -> bytes:
    """Return the heavy code of all panels, which a page asks for once."""
    return static_text("panel.js").encode()


@cache
def panel_digest() -> str:
    """Return the SHA-256 of `panel_code`, by which a page knows whether it has it already."""
    return hashlib.sha256(panel_code()).hexdigest()
