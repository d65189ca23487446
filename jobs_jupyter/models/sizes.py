"""Numbers of bytes, as people read them."""

from __future__ import annotations


def human(size: int) -> str:
    """Return a number of bytes as people read it: 1.5 GiB."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def apart(one: int, other: int) -> tuple[str, str]:
    """Return both as people read them, exact where they would read alike."""
    words = human(one), human(other)
    return words if words[0] != words[1] else (f"{one} bytes", f"{other} bytes")
