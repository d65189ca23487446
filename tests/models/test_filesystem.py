"""The file system that a directory lies on."""

from __future__ import annotations

from pathlib import Path

from jobs_jupyter.models import filesystem


def test_the_innermost_mount_counts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    spaced = tmp_path / "my home"
    escaped = str(spaced).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/a / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\nserver:/y {escaped} 9p rw 0 0\n"
        f"/dev/b {tmp_path}/twice ext4 rw 0 0\nserver:/z {tmp_path}/twice cifs rw 0 0\n"
    )
    assert filesystem.kind(tmp_path / "below", mounts) == "nfs4"
    assert filesystem.kind(spaced / "below", mounts) == "9p"
    assert filesystem.kind(tmp_path / "twice", mounts) == "cifs", "the later one hides the other"
    assert filesystem.kind(Path("/"), mounts) == "ext4"
    assert filesystem.kind(Path("/"), tmp_path / "none") == "unknown"
