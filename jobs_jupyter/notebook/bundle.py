"""The panels' front-end code, as it is built into `static/`."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import ipywidgets  # type: ignore[import-untyped]
import traitlets

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


class PanelCode(ipywidgets.Widget):
    """The model that carries the heavy code to a page, once for all panels of a kernel."""

    source = traitlets.Unicode().tag(sync=True)
    digest = traitlets.Unicode().tag(sync=True)


_code: PanelCode | None = None


def code_reference() -> str:
    """Return the reference to the kernel's one code model, opening it at the first use."""
    global _code  # noqa: PLW0603
    if _code is None or _code.comm is None:
        source = static_text("panel.js")
        _code = PanelCode(source=source, digest=hashlib.sha256(source.encode()).hexdigest())
    return f"IPY_MODEL_{_code.model_id}"
