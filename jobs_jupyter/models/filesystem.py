"""Which kind of file system a directory lies on."""

from __future__ import annotations

import re
from pathlib import Path

UNKNOWN = "unknown"
SHARED = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "lustre", "beegfs", "gpfs", "ceph", "fuse.sshfs"}
)
"""Those that several machines may share."""

MOUNTS = Path("/proc/self/mounts")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def kind(folder: Path, mounts: Path = MOUNTS) -> str:
    """Return the kind of file system that a directory lies on, such as `ext4`; `unknown` beside Linux."""
    try:
        lines = [line.split() for line in mounts.read_text(errors="surrogateescape").splitlines()]
    except OSError:
        return UNKNOWN
    real = folder.resolve()
    points = [(_unescaped(line[1]), line[2]) for line in lines]
    on = [(len(point), at, name) for at, (point, name) in enumerate(points) if real.is_relative_to(point)]
    return max(on)[2] if on else UNKNOWN


def _unescaped(point: str) -> str:
    """Return a mount point as it is: the kernel writes a space as \\040."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), point)
