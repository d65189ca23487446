"""What the program does for remote objects: looks at one, fetches one, stores one."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.limits import BYTES, BYTES_VARIABLE, FILES, FILES_VARIABLE, limit
from jobs_jupyter.models.sizes import human
from jobs_jupyter.service.archives import Limits, members
from jobs_jupyter.service.remote.failures import explained
from jobs_jupyter.service.remote.keeping import keep
from jobs_jupyter.service.remote.objects import Looked, RefusedError, Store, is_exact
from jobs_jupyter.service.remote.parcel import Parcel

MEMORY = 1 << 30
MEMORY_OF_AN_ENTRY = 4096  # bytes, beside those
MARK = "\x1e"  # begins the lines that are for the service
TELL_EVERY_S = 1.0


def main(task: dict[str, Any]) -> dict[str, Any]:
    """Do what is asked, and return what came of it."""
    try:
        return DO[task["do"]](task)
    except PackageError as problem:
        return {"error": f"{problem}", "again": False}
    except MemoryError:
        return {"error": "it takes more memory to read than an archive may", "again": False}
    except Exception as problem:  # noqa: BLE001 - whatever the libraries raise has to be said
        said, again = explained(problem)
        return {"error": said, "again": again}


def look(task: dict[str, Any]) -> dict[str, Any]:
    """Say what is there, and refuse what is too large."""
    store = Store(task["uri"])
    found = store.look()
    if found.kind == "directory" and task["field"] == "py_modules" and not store.name.isidentifier():
        raise RefusedError(
            f"{store.name!r} is no Python name, so it can't be imported; name the directory of a package"
        )
    allowed = limit(BYTES_VARIABLE, BYTES)
    if found.size is not None and found.size > allowed:
        raise RefusedError(
            f"it has {human(found.size)}; a package may have {human(allowed)}. Raise {BYTES_VARIABLE}"
        )
    return {"version": found.version}


def fetch(task: dict[str, Any]) -> dict[str, Any]:
    """Bring what is there into the directory `place`, as frames and a manifest."""
    place, limits = Path(task["place"]), Limits(limit(BYTES_VARIABLE, BYTES), limit(FILES_VARIABLE, FILES))
    _hold_memory(limits)
    store = Store(task["uri"], task["version"])
    found = store.look()
    parcel = Parcel(place, limits)
    if found.kind == "archive":
        _download(store, found, place, limits)
        for entry, content in members(place / "archive", store.name, limits):
            parcel.add(entry, content)
        name = ""
    else:
        _gather(store, parcel, limits)
        name = store.name if task["field"] == "py_modules" else ""
    if not is_exact(found.version) and (now := store.look().version) != found.version:
        raise OSError(f"it changed while it was fetched, from {found.version} to {now}")
    parcel.close(task["field"], name)
    return {"version": found.version}


def _hold_memory(limits: Limits) -> None:
    """Let what is made to take all memory end this program's work, and not the machine's."""
    most = MEMORY + limits.files * MEMORY_OF_AN_ENTRY
    _, allowed = resource.getrlimit(resource.RLIMIT_DATA)
    if allowed == resource.RLIM_INFINITY or most < allowed:
        resource.setrlimit(resource.RLIMIT_DATA, (most, allowed))


def _download(store: Store, found: Looked, place: Path, limits: Limits) -> None:
    """Copy the object into a file, going on where an earlier try got to with the same version."""
    archive, noted = place / "archive", place / "version"
    resumes = (
        store.scheme != "https"
        and found.version is not None
        and noted.exists()
        and noted.read_text() == found.version
    )
    start = archive.stat().st_size if resumes and archive.exists() else 0
    noted.write_text(found.version or "")
    with open(archive, "r+b" if start else "wb") as file:
        file.seek(start)
        for piece in _told(store.read(offset=start), found.size, start):
            file.write(piece)
            if file.tell() > limits.bytes:
                raise RefusedError(f"it is larger than a package may be; raise {BYTES_VARIABLE} to allow it")
        if found.size is not None and file.tell() != found.size:
            raise OSError(f"it broke off after {file.tell()} of {found.size} bytes")


def _gather(store: Store, parcel: Parcel, limits: Limits) -> None:
    listed = store.find()
    total = sum(each.entry.size for each in listed)
    told = _Told(total)
    for each in listed:
        limits.take_entry()
        content = told.through(store.read(each.path)) if each.entry.kind == "f" else ()
        parcel.add(each.entry, _within(content, limits))


def _within(content: Any, limits: Limits) -> Iterator[bytes]:
    for piece in content:
        limits.take(len(piece))
        yield piece


def _told(content: Iterator[bytes], total: int | None, start: int) -> Iterator[bytes]:
    return _Told(total, start).through(content)


class _Told:
    """Says now and then how many bytes have passed."""

    def __init__(self, total: int | None, start: int = 0) -> None:
        self._total = total
        self._passed = start
        self._next = 0.0

    def through(self, content: Iterator[bytes]) -> Iterator[bytes]:
        for piece in content:
            self._passed += len(piece)
            if time.monotonic() > self._next:
                tell({"bytes": self._passed, "of": self._total})
                self._next = time.monotonic() + TELL_EVERY_S
            yield piece


def tell(message: dict[str, Any]) -> None:
    """Write one line for the service."""
    sys.stdout.write(f"{MARK}{json.dumps(message)}\n")
    sys.stdout.flush()


DO = {"look": look, "fetch": fetch, "keep": keep}
