"""The environment variables of a run, and the interpreter that its `python` is."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from jobs_jupyter.models.errors import UnsupportedError
from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.paths import JobPaths, RunPaths
from jobs_jupyter.service import entrypoint
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.preparation import Setup

KERNEL_PREFIXES = ("JPY_", "JOBS_JUPYTER_JOB_", "JOBS_JUPYTER_RUN_", "JOBS_JUPYTER_QUEUE_", "PYDEVD_")
KERNEL_BACKENDS = ("module://matplotlib_inline", "module://ipympl", "inline", "widget")

THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
)
"""What says to libraries how many threads to use; without them each asks how many CPUs the machine has."""

GPUS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""What says to CUDA and ROCm which GPUs there are. ROCR_VISIBLE_DEVICES would count a second time."""


OF_RUNS = tuple(
    f"JOBS_JUPYTER_{name}"
    for name in ("JOB_ID", "JOB_NAME", "RUN_NAME", "RUN_ATTEMPT", "OUTPUT_DIR", "QUEUE_DIR")
)
"""What a run is given by the service."""


def refuse(config: JobConfig) -> None:
    """Refuse variables that would not reach the job: they would be lost without a word."""
    for name in config.env_vars or {}:
        if name in OF_RUNS:
            raise UnsupportedError(
                f"env_vars sets {name}, which says to each run which one it is. Use another name."
            )
        if not config.in_image and entrypoint.lost([name]):
            raise UnsupportedError(
                f"env_vars has the name {name!r}, which the shell of this machine does not hand on. "
                "Install bash, which does, or use letters, digits and _, and no digit first."
            )


class Kept:
    """Keeps the environments of submitting processes, for their user alone, until their jobs are terminal.

    A notebook submits many jobs from one environment: while one of them is kept, the next is a link
    to the same file, which is never written to again.
    """

    def __init__(self) -> None:
        self._last: tuple[bytes, Path] | None = None

    def save(self, paths: JobPaths, environment: dict[str, str]) -> int:
        """Keep one for a job; returns the open file's descriptor, for `make_durable`."""
        content, place = json.dumps(without_kernel(environment)).encode(), paths.environment
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = self._linked(content, place)
        if descriptor is None:
            descriptor = _written(content, place)
        self._last = (content, place)
        return descriptor

    def _linked(self, content: bytes, place: Path) -> int | None:
        if self._last is None or self._last[0] != content:
            return None
        try:
            os.link(self._last[1], place)
        except OSError:  # that job has ended, or this file system has no links
            return None
        return os.open(place, os.O_RDONLY)


def _written(content: bytes, place: Path) -> int:
    descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_durable(descriptor: int) -> None:
    """Wait until the file is on disk, and close it."""
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def of_job(paths: JobPaths, config: JobConfig) -> dict[str, str]:
    """Return the variables for what is done for a job before it runs: as it was submitted, with its own."""
    return {**json.loads(paths.environment.read_text()), **(config.env_vars or {})}


def without_kernel(environment: dict[str, str]) -> dict[str, str]:
    """Leave out what belongs to the kernel itself, or to an outer job."""
    kept = {name: value for name, value in environment.items() if not name.startswith(KERNEL_PREFIXES)}
    kept.pop("", None)  # nothing can be started with it
    kept.pop("JOBS_JUPYTER_OUTPUT_DIR", None)
    if kept.get("MPLBACKEND", "").startswith(KERNEL_BACKENDS):
        del kept["MPLBACKEND"]
    return kept


def extra(
    launch: Launch,
    setup: Setup,
    base: dict[str, str],
    paths: RunPaths,
    tools: Path,
    scratch: Path | None,
) -> dict[str, str | None]:
    """Return what a run gets on top of the submitting process's environment; None takes a variable away."""
    own = dict(launch.config.env_vars or {})
    added: dict[str, str | None] = {
        **({} if "PYTHONUNBUFFERED" in base else {"PYTHONUNBUFFERED": "1"}),
        **_threads(launch.cpus, base),
        # in a container there are no others, and these are counted from 0
        **({} if setup.container else _gpus(launch.gpu_list, base)),
        **own,
        **setup.variables,
        "JOBS_JUPYTER_JOB_ID": launch.job_id,
        "JOBS_JUPYTER_JOB_NAME": launch.job_name,
        "JOBS_JUPYTER_RUN_NAME": launch.run,
        "JOBS_JUPYTER_RUN_ATTEMPT": str(launch.attempt),
        "JOBS_JUPYTER_OUTPUT_DIR": str(paths.outputs),
    }
    if scratch is not None:
        added["JOBS_JUPYTER_QUEUE_DIR"] = str(scratch)
    if setup.python_path:
        others = own.get("PYTHONPATH", base.get("PYTHONPATH"))
        added["PYTHONPATH"] = os.pathsep.join([*map(str, setup.python_path), *filter(None, [others])])
    if setup.container is None:
        added["PWD"] = str(paths.work)  # a shell would say so
    if setup.interpreter:
        first = _directory_of_python(setup.interpreter, setup.arguments, tools)
        path = own.get("PATH", base.get("PATH", os.defpath))
        added["PATH"] = os.pathsep.join([str(first), *map(str, setup.path), path])
    return added


def _threads(cpus: int | None, base: dict[str, str]) -> dict[str, str]:
    """Tell libraries how many CPUs the run has; a smaller number of the submitting process stays."""
    if not cpus:
        return {}
    asked = {name: base.get(name, "") for name in THREADS}
    return {name: str(cpus) for name, text in asked.items() if not (text.isdigit() and 0 < int(text) < cpus)}


def _gpus(indices: str | None, base: dict[str, str]) -> dict[str, str]:
    """Show the run the GPUs that it has leased and no others; None: those that the submitter sees."""
    if indices is None:
        return {}
    # counted as the driver counts them, as leases are; CUDA's own order is by speed
    order = {} if "CUDA_DEVICE_ORDER" in base else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {**dict.fromkeys(GPUS, indices), "NVIDIA_VISIBLE_DEVICES": indices or "void", **order}


def _directory_of_python(interpreter: str, arguments: Sequence[str], tools: Path) -> Path:
    """Return a directory in which `python` is that interpreter, with these arguments before all others.

    Debian's, for one, has only a `python3`: it gets a directory with a `python` that executes it.
    A link would not do: a virtual environment is found by the path that it is started with.
    """
    beside = Path(interpreter).parent / "python"
    if not arguments and beside.exists() and beside.samefile(interpreter):
        return beside.parent
    command = shlex.join([interpreter, *arguments])
    # a bash hands on all variables; -p: it reads no file, and imports no function, that they name
    shell = f"{found} -p" if (found := entrypoint.bash()) else entrypoint.SH
    script = f'#!{shell}\nexec {command} "$@"\n'
    directory = tools / hashlib.sha256(script.encode()).hexdigest()[:16]
    for name in ("python", "python3"):
        if not (directory / name).exists():
            directory.mkdir(parents=True, exist_ok=True)
            scratch = directory / f".{name}.{os.getpid()}"
            scratch.write_text(script)
            scratch.chmod(0o755)
            scratch.rename(directory / name)
    return directory
