"""What a library raised, in words: the cause, and what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from jobs_jupyter.service.remote.objects import RefusedError

MISSING, DENIED = (404, 410), (401, 403)
NO_CREDENTIALS = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",
    "CredentialRetrievalError",
)
WHERE = (
    "Credentials are taken from the environment of the submitting process, such as AWS_ACCESS_KEY_ID, "
    "from env_vars, and from files such as ~/.aws/credentials"
)


def explained(problem: BaseException) -> tuple[str, bool]:
    """Return what is wrong and what to do, and whether trying again may help."""
    chain = list(_chain(problem))
    if isinstance(problem, RefusedError):
        return str(problem), False
    if found := next((each for each in chain if type(each).__name__ in NO_CREDENTIALS), None):
        return f"there are no credentials for it ({found}). {WHERE}", False
    if isinstance(problem, PermissionError) and problem.filename is not None:  # of this machine
        return f"{problem.filename!r} can't be read: {problem.strerror}. Make it readable", False
    statuses = {_status(each) for each in chain}
    if statuses & set(DENIED) or isinstance(problem, PermissionError):
        said = str(problem) or "access denied"
        return f"access is denied ({said}): the credentials are wrong or have no right to it. {WHERE}", False
    if statuses & set(MISSING) or (isinstance(problem, FileNotFoundError) and len(chain) == 1):
        return "there is nothing of that name. Check the URI, or upload it first", False
    last = chain[-1]
    if isinstance(last, ConnectionError | socket.gaierror):
        return f"it can't be reached: {last.strerror or last}. Check the URI, and the network", True
    if type(last) is OSError:
        place = f": {last.filename!r}" if last.filename is not None else ""
        return f"{last.strerror or last}{place}", True
    return f"{type(last).__name__}: {str(last) or problem}", True


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it: fsspec says FileNotFoundError for all that goes wrong with https."""
    seen: BaseException | None = problem
    while seen is not None:
        yield seen
        seen = seen.__cause__


def _status(problem: BaseException) -> int | None:
    """Return the HTTP status that an error of aiohttp, botocore or Azure carries."""
    for name in ("status", "status_code", "code"):
        if isinstance(found := getattr(problem, name, None), int):
            return found
    response = getattr(problem, "response", None)
    if isinstance(response, dict):
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return found if isinstance(found, int) else None
    return None
