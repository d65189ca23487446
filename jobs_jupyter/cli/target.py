"""`JOBS_JUPYTER_TARGET`: a service elsewhere, and what a command line says of it."""

from __future__ import annotations

from jobs_jupyter.cli.parser import UsageError
from jobs_jupyter.models.errors import ServiceUnavailableError


def only_here(what: str) -> None:
    """Refuse what is done to this machine's state directory while another service is the target.

    Args:
        what: what is done, as the beginning of a sentence.
    """
    from jobs_jupyter.client import service

    if target := service.remote_target():
        raise UsageError(
            f"{service.TARGET_VARIABLE}={target} is a service elsewhere, and {what}; "
            f"do it there, or unset {service.TARGET_VARIABLE}"
        )


def require_answer() -> None:
    """Refuse to answer for this machine where the target does not answer."""
    from jobs_jupyter.client import service

    if (target := service.remote_target()) and service.locate() is None:
        raise ServiceUnavailableError(
            f"No service answers at {target}, or it does not accept {service.TOKEN_VARIABLE}. "
            f"Unset {service.TARGET_VARIABLE} to see to this machine's."
        )
