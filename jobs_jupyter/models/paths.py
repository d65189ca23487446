"""Where everything lies in the state directory."""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache
from pathlib import Path

from jobs_jupyter.models.errors import PackageError

HOME_VARIABLE = "JOBS_JUPYTER_HOME"
MAX_SOCKET_PATH = 103  # bytes; 107 on Linux, 103 on macOS
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def working_directory() -> Path:
    """Return this process's working directory.

    Raises:
        PackageError: it was deleted.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise PackageError(
            "The current directory no longer exists; change to another one with cd (%cd in a notebook)."
        ) from None


def from_here(path: str | Path) -> Path:
    """Return the absolute path that somebody means by `path`, which may begin with `~`.

    Raises:
        PackageError: it is counted from the working directory, which was deleted.
    """
    place = Path(os.path.expanduser(path))
    return place if place.is_absolute() else working_directory() / place


def default_home() -> Path:
    """Return the state directory: `JOBS_JUPYTER_HOME`, or the platform's user-data directory."""
    if named := os.environ.get(HOME_VARIABLE):
        return from_here(named)
    import platformdirs

    return Path(platformdirs.user_data_dir("jobs_jupyter", appauthor=False))


def _safe(name: str) -> str:
    """Return an id that is safe as a directory's name, else raise a `ValueError`."""
    if not _ID.fullmatch(name):
        raise ValueError(f"{name!r} is not an id; ids are made of the characters A-Z a-z 0-9 _ -")
    return name


def _digest(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"{digest!r} is not a SHA-256 digest of 64 hex digits")
    return digest


class _Below:
    """A file or directory below the root; its path is made when it is asked for first."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __set_name__(self, _: type[object], attribute: str) -> None:
        self._attribute = attribute

    def __get__(self, paths: RunPaths | JobPaths, _: type[object]) -> Path:
        found = paths.__dict__[self._attribute] = paths.root / self._name
        return found


class RunPaths:
    """The files of one run."""

    log = _Below("log")  # what the run wrote, stdout and stderr in order
    setup = _Below("setup")  # what preparing it printed
    setup_gap = _Below("setup.gap")
    work = _Below("work")  # its writable copy of the working directory
    modules = _Below("modules")  # copies of its py_modules, each in a directory of its own
    outputs = _Below("outputs")  # result variables and error.json of a cell
    error = _Below("outputs/error.json")  # a cell's exception
    results = _Below("outputs/outputs.json")  # which results a cell has promised, then those that came
    displayed = _Below("outputs/displayed.json")  # how much a cell has displayed beyond text
    masks = _Below("masks")  # 0600: what is not to be shown of its log, encrypted
    stop = _Below("stop")  # there once the run was asked to end
    exit = _Below("exit.json")
    usage = _Below("usage")  # the shim's series of samples
    login = _Below("login")  # a registry's, 0700, while an image is being pulled
    context = _Below("context")  # what an image is built from, meanwhile
    gap = _Below("log.gap")  # which bytes of the log were left out, where it grew too long

    def __init__(self, root: Path) -> None:
        self.root = root

    def claim(self, n: int) -> Path:
        """Return the file whose creation claims the run for its n-th start."""
        return self.root / f"claim-{n}"


class JobPaths:
    """The files of one job."""

    environment = _Below("environment.json")  # 0600, until the job is terminal
    overlay = _Below("overlay")  # the name of the environment that its runs use, if any
    left_out = _Below("left_out.json")  # which paths were left out of its directory, and by which rules
    image = _Below("image")  # the id of the image that all of its runs have
    runs = _Below("runs")

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, name: str) -> RunPaths:
        """Return the paths of the run of that name."""
        return _run(self.runs, name)


# each is asked for many times while its job is under way
@lru_cache(1024)
def _job(jobs: Path, job_id: str) -> JobPaths:
    return JobPaths(jobs / _safe(job_id))


@lru_cache(1024)
def _run(runs: Path, name: str) -> RunPaths:
    return RunPaths(runs / _safe(name))


class StatePaths:
    """The files of one state directory."""

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        self.config = self.home / "config.yaml"
        self.database = self.home / "jobs.db"
        self.service_lock = self.home / "service.lock"  # held by the running service
        self.start_lock = self.home / "start.lock"  # held by a client while it starts one
        self.service_info = self.home / "service.json"
        self.socket_record = self.home / "service.socket"  # where the socket is, if its path is too long here
        self.vault = self.home / "vault"  # 0600: connections and secrets, encrypted
        self.vault_key = self.home / "vault.key"  # 0600: where no keyring holds the key
        self.vault_lock = self.home / "vault.lock"  # held while the vault is changed
        self.token = self.home / "token"  # 0600: what a client over TCP has to show
        self.service_log = self.home / "service.log"
        self.packages = self.home / "packages"
        self.blobs = self.packages / "blobs"
        self.packs = self.packages / "packs"  # small contents, many in one file
        self.spools = self.packages / "spool"  # contents that a client hands over
        self.manifests = self.packages / "manifests"
        self.incoming = (
            self.packages / "incoming"
        )  # what is being fetched, or made ready to be kept elsewhere
        self.index = self.home / "index"  # what directories held when they were last packaged
        self.interpreters = self.home / "interpreters"  # a `python` for those that have none
        self.overlays = self.home / "environments"  # of jobs with requirements
        self.overlay_builds = self.overlays / "builds"
        self.derived_images = self.overlays / "images"  # of requirements on top of an image
        self.derived_builds = self.derived_images / "builds"
        self.jobs = self.home / "jobs"
        self.queues = self.home / "queues"

    def job(self, job_id: str) -> JobPaths:
        """Return the paths of the job of that id."""
        return _job(self.jobs, job_id)

    def queue(self, queue_id: str) -> Path:
        """Return the directory of a queue; its clusters' scratch directories are in it."""
        return self.queues / _safe(queue_id)

    def overlay(self, name: str) -> Path:
        """Return the file that says where the environment of that name is, once it is complete."""
        return self.overlays / f"{_safe(name)}.json"

    def derived_image(self, name: str) -> Path:
        """Return the file that says which image that of this name is, once it is complete."""
        return self.derived_images / f"{_safe(name)}.json"

    def blob(self, digest: str) -> Path:
        """Return the file that stores the content of that SHA-256."""
        return self.blobs / _digest(digest)[:2] / digest

    def manifest(self, digest: str) -> Path:
        """Return the file that stores the manifest of that SHA-256."""
        return self.manifests / f"{_digest(digest)}.json"

    @property
    def socket_fits(self) -> bool:
        """Whether a socket's path in the state directory is short enough for one."""
        return len(os.fsencode(self.home / "service.sock")) <= MAX_SOCKET_PATH

    @property
    def socket(self) -> Path:
        """The service's socket.

        Elsewhere when the home's path is too long for one: in the directory that `socket_record`
        names. Where it names none that is this user's alone, no service can be reached, and the
        path is the one that is too long.
        """
        here = self.home / "service.sock"
        if self.socket_fits:
            return here
        folder = _recorded(self.socket_record)
        return folder / here.name if folder is not None and is_private(folder) else here


def is_private(folder: Path) -> bool:
    """Whether it is a directory, not a link to one, that this user alone can use."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _recorded(record: Path) -> Path | None:
    """Return the absolute path that a file of this user's holds."""
    try:
        with open(os.open(record, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                return None
            path = file.read(MAX_SOCKET_PATH)
    except OSError:
        return None
    return Path(os.fsdecode(path)) if path.startswith(b"/") and b"\0" not in path else None
