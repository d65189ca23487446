"""From a JobConfig to a job: what it names by path is packaged, then it is sent."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

from jobs_jupyter.client.http import client
from jobs_jupyter.client.packages import upload
from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.state_directory import checked_home
from jobs_jupyter.packaging.directory import Snapshot
from jobs_jupyter.packaging.local_paths import has_local_paths, with_packages

RESENT = 2


def submit(config: JobConfig, working_dir: Callable[[], Snapshot] | None = None) -> dict[str, Any]:
    """Submit a job and return its first status, as a dict.

    Everything that can be refused is refused before anything is packaged.

    Args:
        config: what to submit.
        working_dir: takes the snapshot that the job runs in, where the config names no directory.
    """
    key, origin = uuid.uuid4().hex, _origin()
    local = working_dir is not None or has_local_paths(config)
    for attempt in range(1 + RESENT):
        if local:
            _send(config, origin, check_only=True)
        left_out: dict[str, str] = {}
        sent = with_packages(config, upload, checked_home(), left_out)
        if working_dir is not None:
            directory = working_dir()
            sent = sent.options(working_dir=upload(directory))
            left_out.update(directory.left_out)
        more = {"left_out": left_out} if left_out and origin else {}
        try:
            return _send(sent, origin, idempotency_key=key, **more)
        except PackageError:  # another job's deletion took the package along in between
            if not local or attempt == RESENT:
                raise
    raise AssertionError("unreachable")


def _send(config: JobConfig, origin: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"config": config.to_wire(exclude_unset=True), "origin": origin, **more}
    answer: dict[str, Any] = client.json("POST", "/v1/jobs", body=body)
    return answer


def _origin() -> dict[str, Any]:
    """Say where the job comes from; to a service elsewhere only the config is sent."""
    if not client.endpoint.is_local:
        return {}
    return {"environment": dict(os.environ), "interpreter": sys.executable or None}
