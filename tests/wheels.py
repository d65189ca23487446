"""Tiny wheels, and an index of them on loopback that counts what it is asked for."""

from __future__ import annotations

import base64
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def wheel(
    folder: Path, name: str, version: str, *, requires: Sequence[str] = (), program: str | None = None
) -> Path:
    """Make a wheel of one module, whose VERSION is its version; `program`: a command that prints that."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    place = folder / f"{module}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{module}.py": f"VERSION = {version!r}\ndef main():\n    print({name!r}, VERSION)\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if program:
        files[f"{about}/entry_points.txt"] = f"[console_scripts]\n{program} = {module}:main\n"
    record = "".join(f"{path},,\n" for path in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(place, "w") as made:
        for path, content in {**files, f"{about}/RECORD": record}.items():
            made.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), content)
    return place


class Index:
    """An index of the wheels in a directory: `url` is for `--index-url`, `asked` the paths of requests."""

    def __init__(self, folder: Path, login: str | None) -> None:
        self.asked: list[str] = []
        self.login = login
        handler = partial(_Handler, folder, self)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        """Its address, without a login."""
        return f"http://{self.host}/simple"

    @property
    def host(self) -> str:
        """Address and port."""
        return f"127.0.0.1:{self.server.server_port}"


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, folder: Path, index: Index, *arguments: Any) -> None:
        self._folder, self._index = folder, index
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._index.asked.append(self.path)
        wanted = self._index.login and "Basic " + base64.b64encode(self._index.login.encode()).decode()
        if wanted and self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.end_headers()
            return
        _, kind, name, *_ = [*self.path.split("/"), ""]
        if kind == "simple":
            found = sorted(self._folder.glob(f"{name.replace('-', '_')}-*.whl"))
            links = "".join(
                f'<a href="/files/{each.name}" data-core-metadata="true">{each.name}</a>' for each in found
            )
            self._answer("text/html", links.encode(), 200 if found else 404)
        elif name.endswith(".metadata"):
            with zipfile.ZipFile(self._folder / name.removesuffix(".metadata")) as opened:
                about = next(each for each in opened.namelist() if each.endswith("/METADATA"))
                self._answer("text/plain", opened.read(about), 200)
        else:
            self._answer("application/octet-stream", (self._folder / name).read_bytes(), 200)

    def _answer(self, kind: str, body: bytes, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def index(folder: Path, login: str | None = None) -> Iterator[Index]:
    """Serve the wheels of a directory; `login`: `user:password`, without which there is nothing."""
    made = Index(folder, login)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()
