"""What a queue's clusters keep, and when it goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobs_jupyter.service import scratch


def test_what_earlier_clusters_kept_goes_and_a_newer_one_stays(tmp_path: Path) -> None:
    queue = tmp_path / "queue"
    for number in (9, 10, 11):
        (queue / str(number)).mkdir(parents=True)
    (queue / "stray").mkdir()
    asyncio.run(scratch.clear(queue, 10))
    assert sorted(path.name for path in queue.iterdir()) == ["10", "11"]
    asyncio.run(scratch.clear(queue, 12))
    assert not queue.exists()
    asyncio.run(scratch.clear(queue, 12))
