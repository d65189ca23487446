"""Bytes that can't be compressed, the same in every run."""

from __future__ import annotations

import random


def noise(size: int, seed: int = 0) -> bytes:
    """Return so many bytes."""
    return random.Random(seed).randbytes(size)
