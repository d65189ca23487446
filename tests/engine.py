"""A Podman whose images and containers are these tests' own, and images for it made from what is here."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path
from types import ModuleType

import cloudpickle

IMAGE = "localhost/jj-busybox:1"
PROGRAMS = ("podman", "docker-registry", "htpasswd", "busybox")
APPLETS = ("sh", "cat", "chmod", "df", "echo", "env", "grep", "head", "kill", "ls", "mkdir", "rm", "sleep",
           "tail", "touch", "yes")  # fmt: skip


def missing() -> str | None:
    """Say why images can't be tested here; None where they can."""
    needed = (*PROGRAMS, "runc") if os.getuid() == 0 else PROGRAMS
    lacking = [program for program in needed if shutil.which(program) is None]
    return f"no {', '.join(lacking)}: scripts/setup-programs.sh installs them" if lacking else None


def _needed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    left_out = {"__pycache__", "test", "tests", "site-packages", "idlelib", "ensurepip", "tkinter", "lib2to3"}
    last = Path(member.name).name
    return None if last in left_out or last.startswith("config-") or last.endswith(".a") else member


def _linked_with(*programs: Path) -> set[Path]:
    """Return the libraries that these need, and what loads them."""
    said = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    found = {Path(path) for path in re.findall(r"(/\S+) \(0x", said)}
    # glibc loads it when a thread ends
    return found | {place for each in found for place in each.parent.glob("libgcc_s.so.1")}


class Engine:
    """Podman with its storage, networks and temporary files below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.variables = {
            "CONTAINERS_CONF": self._write("containers.conf", self._engine()),
            "CONTAINERS_STORAGE_CONF": self._write("storage.conf", self._storage()),
            "CONTAINERS_REGISTRIES_CONF": self._write("registries.conf", self._registries()),
        }
        self.make(IMAGE)

    def make(self, image: str, programs: tuple[str, ...] = APPLETS) -> None:
        """Make an image of busybox, with these of its programs."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(str(shutil.which("busybox")), "bin/busybox")
            for name in programs:
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
            folder = tarfile.TarInfo("tmp")
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
            archive.addfile(folder)
        changes = [
            "--change",
            "ENV PATH=/bin",
            "--change",
            "ENV OF_IMAGE=yes",
            "--change",
            "ENTRYPOINT [false]",
        ]
        self._run("import", *changes, "-", image, given=packed.getvalue())

    def make_python(self, image: str, *packages: ModuleType) -> None:
        """Make an image of this Python: its library, cloudpickle, these packages, and what they link to."""
        programs = Path(sys.base_prefix, "bin")
        library = Path(sysconfig.get_path("stdlib"))
        python = programs / f"python{sys.version_info.major}.{sys.version_info.minor}"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(str(shutil.which("busybox")), "bin/sh")
            for place in {python.resolve(), *_linked_with(python, *library.glob("lib-dynload/*.so"))}:
                archive.add(place.resolve(), str(place))
            for name in {"python", python.name} - {python.resolve().name}:
                link = tarfile.TarInfo(str(programs / name))
                link.type, link.linkname = tarfile.SYMTYPE, str(python.resolve())
                archive.addfile(link)
            archive.add(library, str(library), filter=_needed)
            for each in (cloudpickle, *packages):
                package = Path(str(each.__file__)).parent
                archive.add(package, str(library / "site-packages" / package.name), filter=_needed)
        self._run("import", "--change", f"ENV PATH={programs}:/bin", "-", image, given=packed.getvalue())

    def output(self, *words: str) -> str:
        """Return what Podman says; it has to succeed."""
        return self._run(*words).decode()

    def clear(self) -> None:
        """Leave nothing that is mounted or runs."""
        self._run("rm", "--all", "--force")
        self._run("rmi", "--all", "--force")

    def _run(self, *words: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            ["podman", *words],
            input=given,
            capture_output=True,
            env={**os.environ, **self.variables},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def _write(self, name: str, text: str) -> str:
        place = self.root / name
        place.write_text(text)
        return str(place)

    def _engine(self) -> str:
        lines = ["[containers]", 'netns = "host"']
        if os.getuid() == 0:  # root without CAP_SYS_RESOURCE can't raise what it has
            files, processes = (resource.getrlimit(limit)[1] for limit in (7, 6))
            processes = 4096 if processes < 0 else min(4096, processes)
            limits = [f"nofile={files}:{files}", f"nproc={processes}:{processes}"]
            lines += [f"default_ulimits = {json.dumps(limits)}"]
        lines += ["[engine]", 'events_logger = "file"', f'tmp_dir = "{self.root}/tmp"']
        if os.getuid() == 0:
            lines += ['runtime = "runc"', 'cgroup_manager = "cgroupfs"']
        return "\n".join(lines)

    def _storage(self) -> str:
        return f'[storage]\ndriver = "vfs"\ngraphroot = "{self.root}/images"\nrunroot = "{self.root}/run"\n'

    def _registries(self) -> str:
        return '[[registry]]\nlocation = "localhost"\ninsecure = true\n'
