"""Packaging a directory: 10,000 files of 20 MB together, and one file of 500 MB, beside what else does it.

Ray's way is repeated here as its code does it: a zip of the walked files, and an MD5 over all of them.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median

from measure import ms, once, seconds, show

from jobs_jupyter import job
from jobs_jupyter.client.http import client
from jobs_jupyter.client.packages import upload
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.package import package_digest
from jobs_jupyter.models.paths import StatePaths, default_home
from jobs_jupyter.packaging.directory import snapshot
from jobs_jupyter.service.packages import PackageFiles

TREES, FOLDERS, FILES, BYTES = 7, 100, 100, 2000
BIG = 500 * 10**6
MIB = 2**20
SETTLED_S = 2.5
"""After so long a file's times tell whether it was changed since."""

PROBE = """
import resource, sys, time
from pathlib import Path
from jobs_jupyter.client.http import client
from jobs_jupyter.client.packages import upload
from jobs_jupyter.models.paths import default_home
from jobs_jupyter.packaging.directory import snapshot
client.json("GET", "/v1/service")  # connected, as a notebook is
before = time.perf_counter()
upload(snapshot(Path(sys.argv[1]), home=default_home()))
print(time.perf_counter() - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def fill(root: Path) -> Path:
    """Make a directory of 10,000 files that differ."""
    for folder in range(FOLDERS):
        place = root / f"folder{folder:03}"
        place.mkdir(parents=True)
        for file in range(FILES):
            (place / f"part{file:03}.py").write_bytes(os.urandom(BYTES // 2).hex().encode())
    return root


def walk(root: str) -> int:
    """Look at everything in a directory, and at nothing else."""
    count = 0
    with os.scandir(root) as scan:
        for entry in scan:
            entry.stat(follow_symlinks=False)
            count += walk(entry.path) if entry.is_dir(follow_symlinks=False) else 1
    return count


def package(root: Path) -> str:
    """Package a directory as a submit does; returns the URI."""
    return upload(snapshot(root, home=default_home()))


def tar(root: Path, target: Path) -> None:
    """Archive a directory as a shell does."""
    subprocess.run(f"tar -C {root} -cf - . | zstd -q -f -1 -o {target}", shell=True, check=True)


def ray_like(root: Path, target: Path) -> None:
    """Hash and zip a directory file by file."""
    hashed = hashlib.md5(usedforsecurity=False)
    with zipfile.ZipFile(target, "w", strict_timestamps=False) as archive:
        for place, _, names in os.walk(root):
            for name in names:
                path = Path(place, name)
                hashed.update(path.read_bytes())
                archive.write(path, path.relative_to(root))


def hash_and_copy(source: Path, target: Path) -> None:
    """Hash a file and copy it, a piece at a time."""
    hashed = hashlib.sha256()
    with source.open("rb", buffering=0) as file, target.open("wb", buffering=0) as copy:
        while piece := file.read(MIB):
            hashed.update(piece)
            copy.write(piece)


def many_files(folder: Path) -> None:
    """Compare on a directory of many small files."""
    first, archive, zipped = [], [], []
    for number in range(TREES):
        root = fill(folder / f"tree{number}")
        for kept, way in (
            (archive, lambda root=root: tar(root, folder / "archive")),
            (zipped, lambda root=root: ray_like(root, folder / "zip")),
            (first, lambda root=root: package(root)),
        ):
            os.sync()  # else each pays for what the one before has left to be written
            kept.append(once(way))
    time.sleep(SETTLED_S)
    package(root)
    walks, repeated = [], []
    for _ in range(25):  # by turns: such machines change their pace
        walks.append(once(lambda: walk(str(root))))
        repeated.append(once(lambda: package(root)))
    bare, again = median(walks), median(repeated)
    tarred, zipping, ours = map(median, (archive, zipped, first))
    show("unchanged directory of 10,000 files", ms(again), "", f"{ms(bare)} bare walk with stat")
    show("  beside the walk", f"{again / bare:.2f}x", "<= 1.5x")
    show("the same directory for the first time (20 MB)", ms(ours), "", f"{ms(tarred)} tar | zstd -1")
    show("  beside tar | zstd -1", f"{ours / tarred:.2f}x", "<= 2x")
    show("  beside a zip as Ray makes it", f"{ours / zipping:.2f}x", "< 1x", ms(zipping))
    (root / "folder000" / "part000.py").write_text("changed")
    show("  with one file changed", ms(once(lambda: package(root))), "")
    files = PackageFiles(StatePaths(default_home()))
    digest = package_digest(package(root))
    copies = iter(range(100))

    def copy() -> None:
        target = folder / f"copy{next(copies)}"
        target.mkdir()
        files.materialise(digest, target)

    plain = seconds(lambda: shutil.copytree(root, folder / f"plain{next(copies)}"), 3)
    show("a run's copy of them", ms(seconds(copy, 3)), "<= 450 ms", f"{ms(plain)} shutil.copytree")


def peak(pid: int) -> int:
    """Return the most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def one_file(folder: Path) -> None:
    """Compare on one large file, in a process of its own."""
    service, plain, ours, mine = int(client.json("GET", "/v1/service")["pid"]), [], [], 0
    for number in range(3):
        root = folder / f"big{number}"
        root.mkdir()
        with (root / "data").open("wb") as file:
            for _ in range(BIG // MIB + 1):
                file.write(os.urandom(MIB))
        plain.append(once(lambda root=root: hash_and_copy(root / "data", root / "copy")))  # type: ignore[misc]
        # stays: memory that is freed would be quicker to fill again than what the package takes
        (root / "copy").rename(folder / f"copied{number}")
        command = [sys.executable, "-c", PROBE, str(root)]
        took, memory = subprocess.check_output(command, text=True).split()
        ours.append(float(took))
        mine = max(mine, int(memory) * 1024)
    best, beside = median(ours), median(plain)
    show("one file of 500 MB", ms(best), "", f"{ms(beside)} hashing and copying it")
    show("  beside that", f"{best / beside:.2f}x", "<= 1.5x")
    show("  most memory of the client", f"{mine / MIB:.0f} MiB", "< 100 MB")
    show("  most memory of the service, all of this together", f"{peak(service) / MIB:.0f} MiB", "< 100 MB")


if __name__ == "__main__":
    job.wait(id=job.submit(JobConfig(entrypoint="true")))
    scratch = Path(tempfile.mkdtemp(dir=default_home().parent))
    try:
        many_files(scratch)
        one_file(scratch)
    finally:
        shutil.rmtree(scratch)
