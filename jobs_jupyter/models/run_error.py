"""What a cell's exception was."""

from __future__ import annotations

from pydantic import Field

from jobs_jupyter.models.base import StatusModel


class RunError(StatusModel):
    """The exception that ended a cell."""

    type: str = Field(description="The exception's class.")
    message: str = Field(description="The exception's message.")
    line: int | None = Field(default=None, description="The line of the cell that raised it.")
