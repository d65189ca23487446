"""Sending a package: its manifest, and those of its contents that the service does not have yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from jobs_jupyter.client.http import client
from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.package import Manifest

FRAME_BYTES = 1 << 20
ROUNDS = 3

Contents = Callable[[str], Iterable[bytes]]
"""Gives the content with a SHA-256, in pieces."""


def upload(manifest: Manifest, contents: Contents) -> str:
    """Store a package on the service and return its URI; what is there already is not sent again.

    Raises:
        PackageError: a file changed while it was being sent.
    """
    sizes = {entry.digest: entry.size for entry in manifest.entries if entry.kind == "f"}
    for _ in range(ROUNDS):
        answer = client.json("POST", "/v1/packages", content=manifest.content)
        if not answer["missing"]:
            return str(answer["uri"])
        frames = _frames(answer["missing"], sizes, contents)
        client.request("POST", "/v1/blobs", content=frames, timeout=600.0)
    raise PackageError("The package could not be stored completely; submit the job again.")


def _frames(
    digests: list[str], sizes: Mapping[str, int], contents: Contents
) -> Callable[[], Iterator[bytes]]:
    def frames() -> Iterator[bytes]:
        held = bytearray()
        for digest in digests:
            held += digest.encode() + sizes[digest].to_bytes(8)
            for piece in contents(digest):
                held += piece
                if len(held) >= FRAME_BYTES:
                    yield bytes(held)
                    held.clear()
        yield bytes(held)

    return frames
