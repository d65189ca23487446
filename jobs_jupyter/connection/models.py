"""The models that `jobs_jupyter.connection` speaks."""

from jobs_jupyter.models.connection import (
    Connection,
    ConnectionConfig,
    ConnectionType,
    DatabricksCredentials,
)

__all__ = ["Connection", "ConnectionConfig", "ConnectionType", "DatabricksCredentials"]
