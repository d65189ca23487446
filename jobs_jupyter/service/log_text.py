"""A run's log, or its setup log, as its clients may see it: with what is secret masked, byte for byte.

Whether there is anything to mask is looked at after each look at the log: it is written down before the
run's first byte, maybe while somebody follows already. Where there is nothing, bytes are passed on.
"""

from __future__ import annotations

import os

from jobs_jupyter.models.log_gap import gap_of
from jobs_jupyter.models.paths import RunPaths
from jobs_jupyter.service.masking import Masks
from jobs_jupyter.service.vault import Vault


class LogText:
    """The log of one run, for one reader.

    `ended` says that nothing will be added. Until then what may be the beginning of a value at the log's
    end is not there yet. With `setup`, it is the run's setup log.
    """

    def __init__(self, paths: RunPaths, vault: Vault, *, ended: bool, setup: bool = False) -> None:
        self.path = paths.setup if setup else paths.log
        self.ended = ended
        self._paths = paths
        self._vault = vault
        self._seen: tuple[int, int] | None = None
        self._masks: Masks | None = None

    def size(self) -> int:
        """Return how many bytes can be shown; 0 where the log does not exist yet.

        Raises:
            VaultError: what is secret in it can't be told; so does `read`.
        """
        try:
            end = self.path.stat().st_size
        except FileNotFoundError:
            return 0
        masks = self.masks()
        if masks is None or self.ended:
            return end
        start = max(0, end - masks.reach)
        return end - masks.begun(self._raw(start, end))

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to `end`; less at the log's end, and at a part that was left out."""
        before, masks = None, self.masks()
        while True:
            reach = masks.reach if masks else 0
            first = max(0, start - reach)
            raw = self._raw(first, end + reach)
            before, masks = masks, self.masks()
            if before is masks:
                return raw if masks is None else self._shown(masks, raw, first, start, end)

    def masks(self) -> Masks | None:
        """Return what is to be masked, None for nothing; read again when it has changed."""
        try:
            found = self._paths.masks.stat()
            if self._seen != (now := (found.st_ino, found.st_mtime_ns)):
                self._masks, self._seen = self._vault.masks(self._paths), now
        except FileNotFoundError:
            self._masks, self._seen = None, None
        return self._masks

    def _shown(self, masks: Masks, raw: bytes, first: int, start: int, end: int) -> bytes:
        """Mask what was read from `first` on, and cut out what was asked for."""
        gap = gap_of(self.path)  # after the look: a gap is written down before it opens
        cut_before = cut_after = False
        if gap and first < gap.end <= start:
            raw, first, cut_before = raw[gap.end - first :], gap.end, True
        elif gap and start < gap.end and first + len(raw) > gap.start:
            raw, cut_after = raw[: max(0, gap.start - first)], True
        shown = masks.masked(raw, cut_before=cut_before, cut_after=cut_after)
        return shown[start - first : end - first]

    def _raw(self, start: int, end: int) -> bytes:
        try:
            descriptor = os.open(self.path, os.O_RDONLY)
        except FileNotFoundError:  # the job was deleted meanwhile
            return b""
        try:
            return os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)
