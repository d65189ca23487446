"""What is shown of jobs that have ended, kept ready: who watches a list asks for the same ones again."""

from __future__ import annotations

import threading
from collections.abc import Sequence

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

    def keep(self, row: Row, text: str) -> None:
        """Keep the status of a job that has ended: what others wait for can change without their rows."""
        if row.state in TERMINAL:
            with self._lock:
                self._kept[row.id, row.updated_at] = text
                if len(self._kept) > MOST_JOBS:
                    del self._kept[next(iter(self._kept))]
