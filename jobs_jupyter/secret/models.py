"""The model that `jobs_jupyter.secret` speaks."""

from jobs_jupyter.models.secret import Secret

__all__ = ["Secret"]
