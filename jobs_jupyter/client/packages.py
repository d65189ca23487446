"""Sending a package: its digest, else its manifest, and those of its contents that the service lacks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import SCHEME, Manifest

FRAME_BYTES = 1 << 20
ROUNDS = 3


class Spooled(Protocol):
    """Contents in the state directory, which a service on this machine takes over."""

    @property
    def name(self) -> str | None:
        """What the service knows them by; None: there are none."""

    def add_manifest(self, content: bytes) -> None:
        """Add the manifest of the package that needs them."""

    def discard(self) -> None:
        """Remove what was not taken."""


class Package(Protocol):
    """What can be sent."""

    @property
    def digest(self) -> str:
        """The SHA-256 of the manifest."""

    @property
    def manifest(self) -> Manifest:
        """What it holds; asked for only where the service does not know it."""

    @property
    def spool(self) -> Spooled | None:
        """Contents that can be handed over."""

    def chunks(self, digest: str) -> Iterable[bytes]:
        """Give the content with a SHA-256, in pieces."""

    def keep(self) -> None:
        """Keep what is known of it for the next time."""


def upload(package: Package) -> str:
    """Store a package on the service and return its URI; what is there already is not sent again.

    Raises:
        PackageError: a file changed while it was being sent.
    """
    spool = package.spool
    try:
        if client.json("POST", f"/v1/packages/{package.digest}", **_handed(package, spool))["stored"]:
            return f"{SCHEME}{package.digest}"
        return _send(package)
    finally:
        if spool is not None:
            spool.discard()


def _handed(package: Package, spool: Spooled | None) -> dict[str, Any]:
    """Return the rest of the question whether a package is stored, with what is handed over."""
    rest = {"content": b"", "meanwhile": package.keep}
    if spool is not None and spool.name is not None and client.endpoint.is_local:
        with contextlib.suppress(OSError):  # the disk is full: the service, which is sent it, says so
            spool.add_manifest(package.manifest.content)
            return {"query": {"spool": spool.name}, "timeout": 600.0, **rest}
    return rest


def _send(package: Package) -> str:
    manifest = package.manifest
    for _ in range(ROUNDS):
        answer = client.json("POST", "/v1/packages", content=manifest.content, timeout=600.0)
        if not answer["missing"]:
            return str(answer["uri"])
        frames = _frames(package, answer["missing"])
        client.request("POST", "/v1/blobs", content=frames, timeout=600.0)
    raise PackageError("The package could not be stored completely; submit the job again.")


def _frames(package: Package, digests: list[str]) -> Callable[[], Iterator[bytes]]:
    sizes = {entry.digest: entry.size for entry in package.manifest.entries if entry.kind == "f"}

    def frames() -> Iterator[bytes]:
        held = bytearray()
        for digest in digests:
            held += digest.encode() + sizes[digest].to_bytes(8)
            for piece in package.chunks(digest):
                held += piece
                if len(held) >= FRAME_BYTES:
                    yield bytes(held)
                    held.clear()
        yield bytes(held)

    return frames
