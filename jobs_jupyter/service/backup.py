"""A backup: the database and the files that it speaks of, as one .tar.gz, made while the service works.

`backup.json` is first in it and says what it is; the database is last, when it is known what was
deleted while the files were being read; a seal over its compressed bytes ends the archive. Left out
are working directories, which nothing needs to show a job, queues' scratch directories, the token,
whatever holds users' environments, and connections and secrets with their key; of a log, what is shown
of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import logging
import os
import stat
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

from jobs_jupyter._version import __version__
from jobs_jupyter.models.errors import VaultError
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import cell_report
from jobs_jupyter.service.backup_seal import Sealing
from jobs_jupyter.service.clock import Clock, iso
from jobs_jupyter.service.log_text import LogText
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.packs import Place
from jobs_jupyter.service.removal import remove_tree
from jobs_jupyter.service.sparse import PieceReader, Read, pieces, reader_of
from jobs_jupyter.service.store import snapshot
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.schema import HEAD
from jobs_jupyter.service.vault import Vault

log = logging.getLogger(__name__)
FORMAT = 2
UNSEALED = 1
"""The format of backups before 2, which have no seal."""

ABOUT = "backup.json"
DATABASE = "jobs.db"
PIECES, SIZE = "JOBS_JUPYTER.pieces", "JOBS_JUPYTER.size"
"""Headers of a file with holes, of which only the pieces with data are in the archive."""

SCRATCH = ".backup-"
COMPRESSION = 1
CHUNK = 1 << 18
_LOOSE = Place(Path(), 0, 0)
_CLEARING: set[asyncio.Task[None]] = set()


class Backup:
    """One backup, from the copy of the database to the last byte of the archive."""

    def __init__(self, paths: StatePaths, database: Database, vault: Vault) -> None:
        self._paths = paths
        self._vault = vault
        self._database = database
        self._scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=paths.home))
        self._copy = self._scratch / DATABASE
        self._gone_packages: list[str] = []
        self._written: set[str] = set()
        self._files = PackageFiles(paths)

    async def begin(self) -> None:
        """Copy the database: the backup shows the jobs as they are now.

        Raises:
            OSError, sqlite3.Error: there is no room, or it can't be read.
        """
        try:
            await asyncio.to_thread(snapshot.take, self._paths.database, self._copy)
        except BaseException:
            remove_tree(self._scratch)
            raise

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the archive's bytes, no faster than they are taken."""
        read, write = os.pipe()
        loop = asyncio.get_running_loop()
        writing = asyncio.create_task(asyncio.to_thread(self._write, write, loop))
        try:
            while chunk := await asyncio.to_thread(os.read, read, CHUNK):
                yield chunk
            await writing
        finally:
            os.close(read)  # where nobody wants the rest, the writer notices by this
            clearing = loop.create_task(self._clear(writing))  # also where this one is cancelled
            _CLEARING.add(clearing)
            clearing.add_done_callback(_CLEARING.discard)

    async def _clear(self, writing: asyncio.Task[None]) -> None:
        await asyncio.wait([writing])
        await asyncio.to_thread(remove_tree, self._scratch)

    def _write(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        about = {"format": FORMAT, "version": __version__, "schema": HEAD, "created_at": iso(Clock().now())}
        with self._sealed(descriptor) as archive:
            _add_bytes(archive, ABOUT, json.dumps(about).encode())
            for job_id, run in snapshot.runs_of(self._copy):
                self._add_run(archive, self._paths.job(job_id).run(run))
            for digest, blobs in snapshot.packages_of(self._copy):
                self._add_package(archive, digest, blobs)
            asking = asyncio.run_coroutine_threadsafe(self._database.read(snapshot.job_ids), loop)
            snapshot.leave_out(self._copy, self._gone_packages, asking.result())
            _add_file(archive, DATABASE, self._copy)

    @staticmethod
    @contextlib.contextmanager
    def _sealed(descriptor: int) -> Iterator[tarfile.TarFile]:
        """Write an archive and, where nothing went wrong, its seal."""
        with open(descriptor, "wb") as pipe:
            sealing = Sealing(pipe)
            with (
                gzip.GzipFile(fileobj=sealing, mode="wb", compresslevel=COMPRESSION) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
            ):
                yield archive
            sealing.seal()

    def _add_run(self, archive: tarfile.TarFile, run: RunPaths) -> None:
        """Add a run's files; what is secret in its words is masked, as for every client."""
        for path in _files_of(run):
            masked = None
            if path in (run.log, run.setup):
                masked = LogText(run, self._vault, ended=run.exit.exists(), setup=path == run.setup)
            name = path.relative_to(self._paths.home).as_posix()
            try:
                if path == run.error and (masks := LogText(run, self._vault, ended=True).masks()):
                    if (said := cell_report.content(path)) is not None:
                        _add_bytes(archive, name, masks.masked(said))
                else:
                    _add_file(archive, name, path, masked)
            except FileNotFoundError:
                pass  # deleted meanwhile
            except VaultError as problem:
                log.warning("the backup is without %s: %s", name, problem)

    def _add_package(self, archive: tarfile.TarFile, digest: str, blobs: list[str]) -> None:
        try:
            manifest = self._paths.manifest(digest)
            _add_file(archive, self._name(manifest), manifest)
            wanted = set(blobs) - self._written
            with self._files.opened(wanted) as (packed, packs):
                for blob in sorted(wanted, key=lambda blob: packed.get(blob, _LOOSE)):
                    self._add_blob(archive, blob, packed.get(blob), packs)
                    self._written.add(blob)
        except FileNotFoundError:
            self._gone_packages.append(digest)

    def _add_blob(
        self, archive: tarfile.TarFile, blob: str, place: Place | None, packs: dict[Path, int]
    ) -> None:
        """Add a content by its own name, also one that lies in a pack."""
        path = self._paths.blob(blob)
        if place is None:
            return _add_file(archive, self._name(path), path)
        content = os.pread(packs[place.pack], place.size, place.offset)
        return _add_bytes(archive, self._name(path), content)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._paths.home).as_posix()


def sweep(paths: StatePaths) -> None:
    """Remove what a service left that was killed during a backup."""
    for left in paths.home.glob(f"{SCRATCH}*"):
        remove_tree(left)


def _files_of(run: RunPaths) -> Iterator[Path]:
    """Yield a run's files. How it ended comes first: where that is known, the log is complete."""
    yield from (run.exit, run.log, run.gap, run.setup, run.setup_gap, run.usage)
    for place, _, names in os.walk(run.outputs):
        yield from (path for name in sorted(names) if not (path := Path(place, name)).is_symlink())


def _add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))


def _add_file(archive: tarfile.TarFile, name: str, path: Path, masked: LogText | None = None) -> None:
    """Add a file as long as it is now, also where it grows; nothing of a pipe or a device.

    Where `masked` has anything to mask, its bytes are added, which are at the same offsets.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return
        size, read = found.st_size, reader_of(descriptor)
        if masked and masked.masks():
            size, read = masked.size(), masked.read
        member = tarfile.TarInfo(name)
        member.mtime, member.mode = int(found.st_mtime), 0o600
        data = pieces(descriptor, size)
        if data != [(0, size)] and size:
            shown = ",".join(f"{offset}:{length}" for offset, length in data)
            member.pax_headers = {PIECES: shown, SIZE: str(size)}
        member.size = sum(length for _, length in data)
        archive.addfile(member, _reader(read, data))
    finally:
        os.close(descriptor)


def _reader(read: Read, data: list[tuple[int, int]]) -> BinaryIO:
    return PieceReader(read, data)  # type: ignore[return-value] # tarfile only reads from it
