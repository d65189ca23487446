"""Sending a package: its manifest, and those of its contents that the service does not have yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import Manifest

CHUNK = 1 << 20
ROUNDS = 3

Sources = Mapping[str, Path | bytes]
"""Where the content with a given SHA-256 is: a file, or the bytes themselves."""


def upload(manifest: Manifest, sources: Sources) -> str:
    """Store a package on the service and return its URI; what is there already is not sent again.

    Raises:
        PackageError: a file changed while it was being sent.
    """
    sizes = {entry.digest: entry.size for entry in manifest.entries if entry.kind == "f"}
    for _ in range(ROUNDS):
        answer = client.json("POST", "/v1/packages", content=manifest.content)
        if not answer["missing"]:
            return str(answer["uri"])
        client.request("POST", "/v1/blobs", content=_frames(answer["missing"], sizes, sources), timeout=600.0)
    raise PackageError("The package could not be stored completely; submit the job again.")


def _frames(digests: list[str], sizes: Mapping[str, int], sources: Sources) -> Callable[[], Iterator[bytes]]:
    def frames() -> Iterator[bytes]:
        held = bytearray()
        for digest in digests:
            held += digest.encode() + sizes[digest].to_bytes(8)
            for piece in _pieces(sources[digest], sizes[digest]):
                held += piece
                if len(held) >= CHUNK:
                    yield bytes(held)
                    held.clear()
        yield bytes(held)

    return frames


def _pieces(source: Path | bytes, size: int) -> Iterator[bytes]:
    """Yield exactly `size` bytes of a source."""
    if isinstance(source, bytes):
        yield source
        return
    with open(source, "rb") as file:
        left = size
        while left:
            piece = file.read(min(CHUNK, left))
            if not piece:
                raise PackageError(
                    f"{os.fspath(source)} became shorter while it was being sent; submit again."
                )
            left -= len(piece)
            yield piece
