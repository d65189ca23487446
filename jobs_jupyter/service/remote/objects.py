"""Remote objects through fsspec: what they are, their versions, their bytes. In processes of their own."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from jobs_jupyter.models.package import ARCHIVES, Entry

CHUNK = 8 << 20
CONNECT_S, READ_S = 10, 60
EXTRAS = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "abfss": ("adlfs", "abfs"),
    "https": ("aiohttp", "https"),
}
"""For a scheme, the library that it needs and our extra that brings it."""

VERSIONS = ("ETag", "etag", "generation", "LastModified", "last_modified", "Last-Modified", "mtime", "ino")
VERSION_ID = "id:"


class RefusedError(Exception):
    """What is asked for can't be had, and trying again would not help."""


class Looked(NamedTuple):
    """What is behind a URI."""

    kind: str  # `archive` or `directory`
    version: str | None  # None: the store names none
    size: int | None  # in bytes, where it is known


class Found(NamedTuple):
    """One thing in a directory."""

    entry: Entry
    path: str  # its name in the store
    version: str | None


class Store:
    """The store that a URI names, and the path within it."""

    def __init__(self, uri: str, version: str | None = None) -> None:
        scheme = uri.partition("://")[0]
        if scheme in EXTRAS and importlib.util.find_spec(EXTRAS[scheme][0]) is None:
            library, extra = EXTRAS[scheme]
            raise RefusedError(
                f"{scheme}:// needs {library}, which is not there for the service. "
                f"Install it with: {sys.executable} -m pip install 'jobs-jupyter[{extra}]'"
            )
        import fsspec

        self.uri = uri
        self.scheme = scheme
        self._version_id = (version or "").removeprefix(VERSION_ID) if is_exact(version) else None
        options = _options(scheme, versions=self._version_id is not None)
        self.fs, self.path = fsspec.core.url_to_fs(uri, **options)
        if scheme == "file":
            self.path = unquote(urlsplit(uri).path) or "/"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return (
            urlsplit(self.uri).path.rstrip("/").rpartition("/")[2]
            if self.scheme == "https"
            else (self.path.rstrip("/").rpartition("/")[2])
        )

    def look(self) -> Looked:
        """Return what is there.

        Raises:
            RefusedError: it is neither an archive nor a directory, or an empty one.
        """
        info = self._info()
        if info["type"] == "directory":
            return Looked("directory", _of_all(self.find()), None)
        if not self.name.endswith(ARCHIVES):
            raise RefusedError(
                f"it is a file, and no archive; name a directory, or one of {' '.join(ARCHIVES)}"
            )
        return Looked("archive", version_of(info), info.get("size"))

    def find(self) -> list[Found]:
        """Return all that is in the directory."""
        found = list(self._local() if self.scheme == "file" else self._listed())
        if not found:
            raise RefusedError("it is empty")
        return found

    def read(self, path: str | None = None, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes of an object from an offset on; https knows only 0."""
        options: dict[str, Any] = {"block_size": CHUNK, "cache_type": "none"}
        if self.scheme == "https":
            options = {"block_size": 0}
        if self._version_id and path is None:
            options["version_id"] = self._version_id
        with self.fs.open(self.path if path is None else path, "rb", **options) as file:
            if offset:
                file.seek(offset)
            while piece := file.read(CHUNK):
                yield piece

    def _info(self) -> dict[str, Any]:
        more = {"version_id": self._version_id} if self._version_id else {}
        return dict(self.fs.info(self.path, **more))

    def _listed(self) -> Iterator[Found]:
        root = self.path.rstrip("/") + "/"
        for name, info in self.fs.find(self.path, detail=True).items():
            path = name.removeprefix(root)
            if path.endswith("/"):  # what consoles make for an empty folder
                yield Found(Entry(path.rstrip("/"), "d"), name, None)
            elif path and name != self.path:
                yield Found(Entry(path, "f", 0o644, info.get("size") or 0), name, version_of(info))

    def _local(self) -> Iterator[Found]:
        root = Path(self.path)
        for place, folders, files in os.walk(root):
            for each in (Path(place, name) for name in (*folders, *files)):
                yield _local_entry(root, each)


def is_exact(version: str | None) -> bool:
    """Tell whether the store can give this very version later."""
    return bool(version) and str(version).startswith(VERSION_ID)


def version_of(info: dict[str, Any]) -> str | None:
    """Return what names this content of an object: its version, else its ETag or time, with its size."""
    version = info.get("VersionId")
    if version and version != "null":
        return f"{VERSION_ID}{version}"
    told = [f"{name}={info[name]}" for name in VERSIONS if info.get(name)]
    return ";".join([*told, f"size={info.get('size')}"]) if told else None


def _of_all(found: list[Found]) -> str | None:
    if any(each.version is None for each in found if each.entry.kind == "f"):
        return None
    hashed = hashlib.sha256()
    for each in sorted(found):
        hashed.update(repr((tuple(each.entry), each.version)).encode("utf-8", "surrogateescape"))
    return f"tree={hashed.hexdigest()}"


def _local_entry(root: Path, path: Path) -> Found:
    name, found = path.relative_to(root).as_posix(), path.lstat()
    mode = stat.S_IMODE(found.st_mode) & 0o777
    if stat.S_ISLNK(found.st_mode):
        return Found(Entry(name, "l", target=os.readlink(path)), str(path), None)
    if stat.S_ISDIR(found.st_mode):
        return Found(Entry(name, "d", mode), str(path), None)
    if not stat.S_ISREG(found.st_mode):
        raise RefusedError(f"{name!r} in it is neither file, directory nor link")
    version = f"{found.st_mtime_ns};{found.st_ino};{found.st_ctime_ns}"
    return Found(Entry(name, "f", mode, found.st_size), str(path), version)


def _options(scheme: str, *, versions: bool) -> dict[str, Any]:
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if scheme == "s3":
        times = {"connect_timeout": CONNECT_S, "read_timeout": READ_S}
        return {**options, "config_kwargs": times, "version_aware": versions}
    if scheme == "https":
        import aiohttp

        patience = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
        return {**options, "client_kwargs": {"timeout": patience, "trust_env": True}}
    return options if scheme != "file" else {"skip_instance_cache": True}
