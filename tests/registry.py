"""A registry on loopback that wants a password."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.jobs import eventually

USER, PASSWORD = "somebody", "correct horse battery"


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run one, with its files in a directory; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    known = subprocess.run(["htpasswd", "-Bbn", USER, PASSWORD], capture_output=True, check=True).stdout
    (folder / "htpasswd").write_bytes(known)
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/images}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
        f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}\n"
    )
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log, cwd=folder
        )
    try:
        eventually(lambda: _answers(port))
        yield f"localhost:{port}"
    finally:
        server.terminate()
        server.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
