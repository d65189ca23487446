"""Who may speak to the service.

On the Unix socket the file's mode has decided already: only its owner can connect. On TCP each
request carries the service's token.
"""

from __future__ import annotations

import hmac
import secrets

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def new_token() -> str:
    """Return a token that can't be guessed."""
    return secrets.token_urlsafe(32)


class TokenRequired:
    """Lets through what carries the token, and nothing else."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401 where the token is missing or wrong."""
        given = dict(scope["headers"]).get(b"authorization", b"") if scope["type"] == "http" else b""
        if hmac.compare_digest(given, self._expected):
            await self.app(scope, receive, send)
            return
        error = {
            "type": "AuthenticationError",
            "message": "The service does not accept this token. "
            "Set JOBS_JUPYTER_TOKEN to the one that it printed.",
        }
        headers = {"WWW-Authenticate": "Bearer"}
        await JSONResponse({"error": error}, 401, headers)(scope, receive, send)
