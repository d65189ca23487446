"""The setup log of a run: what preparing it printed, beside the run's own log."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from jobs_jupyter.models.paths import RunPaths

AGAIN = b"jobs_jupyter: the service was restarted; preparing again\n"


def begin(paths: RunPaths) -> None:
    """Make the run's directory ready; what a service has left that was killed while it prepared is kept.

    The run itself has written nothing yet: a log that is there is the setup log of a try that failed.
    """
    paths.root.mkdir(parents=True, exist_ok=True)
    for place in (paths.log, paths.gap):
        place.unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if paths.setup.stat().st_size:
            with open(paths.setup, "ab") as file:
                file.write(AGAIN)


def show_as_log(paths: RunPaths) -> None:
    """Let the setup log also be the log of a run that could not be prepared."""
    for source, target in ((paths.setup_gap, paths.gap), (paths.setup, paths.log)):
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            _link(source, target)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError:  # a file system without links
        shutil.copyfile(source, target)
