"""`jupyter jobs backup` and `jupyter jobs restore`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from jobs_jupyter.cli.output import document, note
from jobs_jupyter.cli.parser import ANY, THERE, UsageError, shared
from jobs_jupyter.cli.target import only_here, require_answer
from jobs_jupyter.models.errors import BackupError, JobsError
from jobs_jupyter.models.paths import from_here
from jobs_jupyter.models.sizes import human

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

WAIT_S = 600.0


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    backup = verbs.add_parser(
        "backup",
        parents=shared(home=THERE),
        help="write all jobs, their logs and results into a file",
        description="Write all jobs with their logs, results and packages into a .tar.gz, while the service "
        "works. Environment variables, tokens and working directories are left out.",
    )
    backup.add_argument("file", metavar="FILE", type=Path, help="the file; one that is there is replaced")
    backup.set_defaults(run=_backup)

    restore = verbs.add_parser(
        "restore",
        parents=shared(home=ANY),
        help="make the state directory from a backup",
        description="Make the state directory from a backup. Jobs that had not ended when it was made "
        "are not run again: they read FAILED.",
    )
    restore.add_argument("file", metavar="FILE", type=Path, help="the backup")
    restore.add_argument("--force", action="store_true", help="where there are jobs, move them aside")
    restore.set_defaults(run=_restore)


def _backup(options: argparse.Namespace) -> int:
    target: Path = options.file
    if target.is_dir() or not target.parent.is_dir():
        raise UsageError(f"{target} can't be written: name a file in a directory that exists")
    require_answer()
    try:
        _write(target)
    except JobsError:
        raise
    except OSError as problem:
        raise BackupError(
            f"{target} can't be written: {problem.strerror}. Name a file where there is room."
        ) from None
    size = target.stat().st_size
    if options.json:
        document({"file": str(from_here(target)), "bytes": size})
    else:
        print(f"{target}: {human(size)}")
    return 0


def _write(target: Path) -> None:
    """Write the file beside its place, of mode 0600, and move it there."""
    descriptor, scratch = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            _download(file)
            file.flush()
            os.fsync(file.fileno())
        os.rename(scratch, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)
        raise


def _download(file: BinaryIO) -> None:
    from jobs_jupyter.client.http import LOST, client

    try:
        with client.stream("/v1/backup", timeout=WAIT_S) as answer:
            file.writelines(answer.iter_bytes())
    except LOST as problem:
        raise BackupError(
            f"The service broke off the backup ({problem}). See: jupyter jobs service logs"
        ) from None


def _restore(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import isolation, service

    only_here("restore makes this machine's state directory")
    command = isolation.command("jobs_jupyter.service.restore", str(from_here(options.file)))
    command += ["--home", str(service.state_paths().home), *(["--force"] if options.force else [])]
    environment = isolation.variables()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    said: dict[str, Any] = json.loads(done.stdout or '{"error": "The program that restores was killed."}')
    if "error" in said:
        raise BackupError(said["error"])
    if options.json:
        document(said)
        return 0
    print(f"{said['jobs']} jobs are back in {said['home']}")
    if said["not_ended"]:
        note(f"{said['not_ended']} of them had not ended when the backup was made, and read FAILED.")
    if said["aside"]:
        note(f"What was there before is in {said['aside']}")
    return 0
