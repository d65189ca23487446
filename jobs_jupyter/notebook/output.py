"""A job in a cell's output: one display, which is renewed in place."""

from __future__ import annotations

import contextlib
import os
import uuid
from datetime import datetime
from importlib.metadata import version
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from jobs_jupyter.client.feed import kernel_feed
from jobs_jupyter.notebook.html import job_card, job_text


def static_bundle(view: dict[str, Any]) -> dict[str, Any]:
    """Return what a job looks like without scripts, as of now.

    Args:
        view: a JobView's plain data.
    """
    return {"text/html": job_card(view, datetime.now().astimezone()), "text/plain": job_text(view)}


def has_page() -> bool:
    """Whether the cell that is running can show something live.

    Whoever executes notebooks without a page (nbclient, and so nbconvert and papermill; nbval) says that
    it takes no input. It would save a widget's state, whose display then hides the static one. Voilà does
    the same and has a page.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return False
    request = kernel.get_parent("shell").get("content") or {}
    return request.get("allow_stdin", True) or os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")


def has_subshells() -> bool:
    """Whether the installed kernel can hear a page while a cell is running."""
    return int(version("ipykernel").partition(".")[0]) >= 7


class Output:
    """One display below a cell."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._shown = False

    def show(self, bundle: dict[str, Any]) -> None:
        """Display it below the cell that is running."""
        self._shown = True
        display(bundle, raw=True, display_id=self._id)

    def renew(self, bundle: dict[str, Any]) -> None:
        """Display this in its place, if it was shown and there is a notebook that can do so."""
        if self._shown and getattr(get_ipython(), "kernel", None) is not None:
            display(bundle, raw=True, display_id=self._id, update=True)


def show_card(view: dict[str, Any]) -> None:
    """Display the job's static card, and renew it when the job's state changes.

    Args:
        view: a JobView's plain data.
    """
    output, state = Output(), view["state"]
    output.show(static_bundle(view))

    def changed(view: dict[str, Any]) -> None:
        nonlocal state
        if view["state"] != state:
            state = view["state"]
            with contextlib.suppress(Exception):  # the kernel is on its way out
                output.renew(static_bundle(view))

    if not view.get("ended_at"):
        kernel_feed().watch(view["id"], changed)
