"""What can't be handed over, since the client's disk is full, is sent."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs_jupyter.client.http import client
from jobs_jupyter.client.packages import upload
from jobs_jupyter.models.pack import SMALL
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.packaging.directory import snapshot
from tests.jobs import output
from tests.noise import noise


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Let no write of this process make a file larger, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("content", [noise(100), noise(SMALL + 1)], ids=["small", "large"])
@pytest.mark.parametrize("when", ["it is added", "it is handed over"])
def test_what_cannot_be_spooled_is_sent(service: Path, content: bytes, when: str) -> None:
    assert client.endpoint.is_local, "its service runs, and without a limit"
    extra = {"data": content + when.encode()}
    if when == "it is added":
        with files_of_at_most(50):
            taken = snapshot(None, extra=extra, home=service)
            uri = upload(taken)
    else:
        taken = snapshot(None, extra=extra, home=service)
        with files_of_at_most(50):
            uri = upload(taken)
    assert output("sha256sum < data", working_dir=uri).split()[0] == hashlib.sha256(extra["data"]).hexdigest()
    assert not list(StatePaths(service).spools.glob("*"))
