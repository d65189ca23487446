"""Databricks workspaces: what a job needs to log in to one, and whether it can."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jobs_jupyter.models.connection import DatabricksCredentials
from jobs_jupyter.models.errors import LoginError
from jobs_jupyter.service.masking import Masks

if TYPE_CHECKING:
    import httpx  # at run time late: a start has no use for it

TOKEN_PATH = "/oidc/v1/token"  # noqa: S105 - a path
ME_PATH = "/api/2.0/preview/scim/v2/Me"
WAIT_S = 15.0
REFUSED = (400, 401, 403)
LONGEST_WORDS = 200
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")

LOGIN = (
    "DATABRICKS_HOST",
    "DATABRICKS_TOKEN",
    "DATABRICKS_CLIENT_ID",
    "DATABRICKS_CLIENT_SECRET",
    "DATABRICKS_AUTH_TYPE",
    "DATABRICKS_ACCOUNT_ID",
    "DATABRICKS_WORKSPACE_ID",
    "DATABRICKS_USERNAME",
    "DATABRICKS_PASSWORD",
    "DATABRICKS_CONFIG_PROFILE",
    "DATABRICKS_CONFIG_FILE",
    "DATABRICKS_DISCOVERY_URL",
    "DATABRICKS_TOKEN_AUDIENCE",
    "DATABRICKS_OIDC_TOKEN_ENV",
    "DATABRICKS_OIDC_TOKEN_FILE",
    "DATABRICKS_OIDC_TOKEN_FILEPATH",
    "DATABRICKS_METADATA_SERVICE_URL",
    "DATABRICKS_AZURE_RESOURCE_ID",
    "DATABRICKS_GOOGLE_SERVICE_ACCOUNT",
)
"""What decides where and how the SDK logs in. Several ways at once are an error of its."""


def variables(credentials: DatabricksCredentials) -> dict[str, str | None]:
    """Return the variables that the SDK reads; None for those of the submitter that would contradict.

    The way to log in is named, so that other clouds' variables (`ARM_CLIENT_SECRET`) don't count as another.
    """
    ours = {f"DATABRICKS_{field.upper()}": value for field, value in credentials.secrets().items()}
    if credentials.client_id is not None:
        ours["DATABRICKS_CLIENT_ID"] = credentials.client_id
    way = "pat" if credentials.token is not None else "oauth-m2m"
    return {
        **dict.fromkeys(LOGIN),
        **ours,
        "DATABRICKS_HOST": credentials.host,
        "DATABRICKS_AUTH_TYPE": way,
    }


async def log_in(credentials: DatabricksCredentials) -> str | None:
    """Log in, and return who it is that logged in, as far as the workspace says.

    Raises:
        LoginError: the host can't be reached, is no workspace, or refuses.
    """
    import httpx

    try:
        async with httpx.AsyncClient(base_url=credentials.host, timeout=WAIT_S) as http:
            answer = await _ask(http, credentials)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        said = _ERRNO.sub("", str(problem)) or type(problem).__name__
        raise LoginError(f"{credentials.host} can't be reached: {said}. Check the host.") from None
    return _read(answer, credentials)


async def _ask(http: httpx.AsyncClient, credentials: DatabricksCredentials) -> httpx.Response:
    values = credentials.secrets()
    if credentials.client_id is None:
        return await http.get(ME_PATH, headers={"Authorization": f"Bearer {values['token']}"})
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    return await http.post(TOKEN_PATH, data=form, auth=(credentials.client_id, values["client_secret"]))


def _read(answer: httpx.Response, credentials: DatabricksCredentials) -> str | None:
    found = _json(answer)
    if answer.status_code in REFUSED:
        what = "the token" if credentials.client_id is None else "the client id and its secret"
        said = Masks(credentials.secrets().values()).words(_words(found))
        raise LoginError(
            f"{credentials.host} refuses {what}: HTTP {answer.status_code}{said}. "
            "Make new ones in the workspace and add the connection again."
        )
    if credentials.client_id is None and answer.is_success and found:
        return str(found["userName"])[:LONGEST_WORDS] if "userName" in found else None
    if answer.is_success and "access_token" in found:
        return credentials.client_id
    raise LoginError(
        f"{credentials.host} does not answer like a Databricks workspace: HTTP {answer.status_code} for "
        f"{answer.request.url.path}. Check the host."
    )


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _words(found: dict[str, Any]) -> str:
    """Return what the workspace says of it, in a parenthesis."""
    for key in ("error_description", "message", "detail", "error"):
        if isinstance(said := found.get(key), str) and said:
            return f" ({said})"
    return ""
