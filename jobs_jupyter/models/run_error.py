"""What a cell's exception was."""

from __future__ import annotations

from jobs_jupyter.models.base import StatusModel


class RunError(StatusModel):
    """The exception that ended a cell."""

    type: str  # the class's name
    message: str
    line: int | None = None  # of the cell, counted from 1
