"""What is shown of jobs that have ended, kept ready: who watches a list asks for the same ones again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice

from jobs_jupyter.service.store.prepared import Row
from jobs_jupyter.service.store.records import TERMINAL

MOST_JOBS = 2000


class Shelf:
    """The JSON of statuses; of too many, the one that was made first is forgotten.

    A job that changes gets another `updated_at`, and what was kept of it is not found any more.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], str] = {}
        self._lock = threading.Lock()

    def find(self, rows: Sequence[Row]) -> list[str | None]:
        """Return what is kept of each of these jobs, as they are in these rows."""
        kept = self._kept.get
        return [kept((row.id, row.updated_at)) for row in rows]

    def keep(self, rows: Sequence[Row], texts: Sequence[str]) -> None:
        """Keep the statuses of jobs that have ended: what others wait for can change without their rows."""
        pairs = zip(rows, texts, strict=True)
        ended = {(row.id, row.updated_at): text for row, text in pairs if row.state in TERMINAL}
        with self._lock:
            self._kept.update(ended)
            for oldest in list(islice(self._kept, max(0, len(self._kept) - MOST_JOBS))):
                del self._kept[oldest]
