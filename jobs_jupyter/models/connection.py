"""Connections to services of third parties, by name."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from jobs_jupyter.models.base import Model, NameEnum

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _connection_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be made of the characters A-Z a-z 0-9 . _ -")
    return value


class ConnectionType(NameEnum):
    """Type of third-party connection."""

    DATABRICKS = "DATABRICKS"  # Unity Catalog


class ConnectionConfig(Model):
    """A connection whose credentials the job gets."""

    type: ConnectionType
    name: Annotated[str, AfterValidator(_connection_name)]
