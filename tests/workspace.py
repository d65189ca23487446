"""A Databricks workspace on loopback, as far as its official SDK needs one to list catalogs."""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

TOKEN = "dapi-the-token-0123456789"
CLIENT_ID = "0f3a-client-id"
CLIENT_SECRET = "dose-the-client-secret"
ISSUED = "issued-by-the-workspace"


class Workspace:
    """What it accepts, and what it was asked: `(path, authorization)`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tokens = {TOKEN, ISSUED}
        self.asked: list[tuple[str, str]] = []


@contextlib.contextmanager
def workspace() -> Iterator[Workspace]:
    """Serve one until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    known = server.workspace = Workspace(  # type: ignore[attr-defined]
        f"http://127.0.0.1:{server.server_address[1]}"
    )
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    serving.start()
    try:
        yield known
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    @property
    def known(self) -> Workspace:
        return self.server.workspace  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        authorization = self.headers.get("Authorization", "")
        self.known.asked.append((path, authorization))
        if path == "/.well-known/databricks-config":
            self._answer(200, {"oidc_endpoint": f"{self.known.url}/oidc", "workspace_id": "1"})
        elif path == "/oidc/.well-known/oauth-authorization-server":
            endpoints = {name: f"{self.known.url}/oidc/v1/{name}" for name in ("authorize", "token")}
            self._answer(200, {f"{name}_endpoint": url for name, url in endpoints.items()})
        elif path not in ("/api/2.1/unity-catalog/catalogs", "/api/2.0/preview/scim/v2/Me"):
            self._answer(404, {"message": f"no {path}"})
        elif authorization.removeprefix("Bearer ") not in self.known.tokens:
            self._answer(403, {"message": f"{authorization.removeprefix('Bearer ')} is no token here"})
        elif path.endswith("/Me"):
            self._answer(200, {"userName": "me@example.com"})
        else:
            self._answer(200, {"catalogs": [{"name": "main"}, {"name": "samples"}]})

    def do_POST(self) -> None:
        authorization = self.headers.get("Authorization", "")
        self.known.asked.append((self.path, authorization))
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        right = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if self.path != "/oidc/v1/token" or form["grant_type"] != ["client_credentials"]:
            self._answer(404, {})
        elif authorization != f"Basic {right}":
            self._answer(
                401, {"error": "invalid_client", "error_description": "Client authentication failed"}
            )
        else:
            self._answer(200, {"access_token": ISSUED, "token_type": "Bearer", "expires_in": 3600})

    def _answer(self, status: int, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""
