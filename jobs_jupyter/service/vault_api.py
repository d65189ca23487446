"""The requests about connections and secrets. Values are in requests' bodies, and in no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs_jupyter.models.connection import ConnectionType, DatabricksCredentials, check_vault_name
from jobs_jupyter.models.errors import InvalidRequestError
from jobs_jupyter.models.secret import check_secret_value, check_username
from jobs_jupyter.service import arguments, databricks
from jobs_jupyter.service.routes import CONNECTION, SECRET, Operation, json_body
from jobs_jupyter.service.state import ServiceState
from jobs_jupyter.service.vault import SecretValue

T = TypeVar("T")


class VaultHandlers:
    """One request, one short handler."""

    state: ServiceState

    async def add_connection(self, request: Request) -> Response:
        """Keep a connection, in the place of one of that name."""
        body = await arguments.json_object(request)
        name = _checked(check_vault_name, body.get("name"))
        credentials = _credentials(body)
        now = self.state.supervisor.clock.now()
        made = await asyncio.to_thread(self.state.vault.add_connection, name, credentials, now)
        return JSONResponse(made.to_wire())

    async def list_connections(self, request: Request) -> Response:
        """All connections by name, without what they log in with."""
        found = await asyncio.to_thread(self.state.vault.connections)
        return JSONResponse({"connections": [each.to_wire() for each in found]})

    async def test_connection(self, request: Request) -> Response:
        """Log in with a connection; `user` is who that is, as far as the host says."""
        name = await _named(request)
        credentials = await asyncio.to_thread(self.state.vault.credentials, name)
        user = await databricks.log_in(credentials)
        return JSONResponse({"name": name, "host": credentials.host, "user": user})

    async def remove_connection(self, request: Request) -> Response:
        """Forget a connection; a run that asks for it and has not started yet will fail."""
        name = await _named(request)
        await asyncio.to_thread(self.state.vault.remove_connection, name)
        return JSONResponse({"name": name})

    async def set_secret(self, request: Request) -> Response:
        """Keep a secret, in the place of one of that name."""
        body = await arguments.json_object(request)
        name = _checked(check_vault_name, body.get("name"))
        value = _checked(check_secret_value, body.get("value"))
        secret = SecretValue(value, _checked(check_username, body.get("username")))
        now = self.state.supervisor.clock.now()
        made = await asyncio.to_thread(self.state.vault.set_secret, name, secret, now)
        return JSONResponse(made.to_wire())

    async def list_secrets(self, request: Request) -> Response:
        """All secrets by name, without their values."""
        found = await asyncio.to_thread(self.state.vault.secrets)
        return JSONResponse({"secrets": [each.to_wire() for each in found]})

    async def remove_secret(self, request: Request) -> Response:
        """Forget a secret."""
        name = await _named(request)
        await asyncio.to_thread(self.state.vault.remove_secret, name)
        return JSONResponse({"name": name})


async def _named(request: Request) -> str:
    return _checked(check_vault_name, (await arguments.json_object(request)).get("name"))


def _checked(check: Callable[[object], T], value: object) -> T:
    try:
        return check(value)
    except (TypeError, ValueError) as problem:
        raise InvalidRequestError(str(problem)) from None


def _credentials(body: Mapping[str, Any]) -> DatabricksCredentials:
    try:
        ConnectionType.named(body.get("type"))
    except ValueError as problem:
        raise InvalidRequestError(f"type: {problem}") from None
    fields = body.get("credentials")
    if not isinstance(fields, dict):
        raise InvalidRequestError("credentials must be an object with a host and what to log in with.")
    try:
        return DatabricksCredentials.from_dict(fields)
    except ValidationError as error:
        raise InvalidRequestError(arguments.explain(error)) from None


_TEXT = {"type": "string"}
_NAMED = json_body({"type": "object", "required": ["name"], "properties": {"name": _TEXT}})
_CREDENTIALS = {
    "type": "object",
    "required": ["host"],
    "properties": dict.fromkeys(DatabricksCredentials.model_fields, _TEXT),
}
_ADD: dict[str, Any] = {
    "type": "object",
    "required": ["name", "type", "credentials"],
    "properties": {"name": _TEXT, "type": _TEXT, "credentials": _CREDENTIALS},
}
_SET: dict[str, Any] = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {"name": _TEXT, "value": _TEXT, "username": _TEXT},
}
_CONNECTIONS = {"type": "object", "properties": {"connections": {"type": "array", "items": CONNECTION}}}
_SECRETS = {"type": "object", "properties": {"secrets": {"type": "array", "items": SECRET}}}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "PUT", "/v1/connections", VaultHandlers.add_connection, body=json_body(_ADD), answer=CONNECTION
    ),
    Operation("GET", "/v1/connections", VaultHandlers.list_connections, answer=_CONNECTIONS),
    Operation("POST", "/v1/connections/test", VaultHandlers.test_connection, body=_NAMED),
    Operation("POST", "/v1/connections/remove", VaultHandlers.remove_connection, body=_NAMED),
    Operation("PUT", "/v1/secrets", VaultHandlers.set_secret, body=json_body(_SET), answer=SECRET),
    Operation("GET", "/v1/secrets", VaultHandlers.list_secrets, answer=_SECRETS),
    Operation("POST", "/v1/secrets/remove", VaultHandlers.remove_secret, body=_NAMED),
)
