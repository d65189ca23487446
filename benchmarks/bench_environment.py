"""What requirements cost a job: with their environment there already, and with wheels in uv's cache."""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
from pathlib import Path

from measure import ms, once, show

sys.path.insert(0, str(Path(__file__).parents[1]))

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig
from tests.wheels import wheel

TIMES = 40
BUILDS = 9


def run(requirements: list[str] | None) -> None:
    """Submit a job that imports nothing, and wait for its end."""
    config = JobConfig(entrypoint="python -c pass", requirements=requirements, max_retries=0)
    job.wait(id=job.submit(config))


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        wheel(place / "wheels", "first", "1.0", requires=["numbered"])
        for number in range(BUILDS + 1):
            wheel(place / "wheels", "numbered", f"1.{number}")
        os.environ |= {
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(place / "wheels"),
            "UV_CACHE_DIR": str(place / "cache"),
        }
        kept = ["first==1.0", f"numbered==1.{BUILDS}"]
        run(None)
        run(kept)
        pairs = []
        for _ in range(TIMES):
            order = [None, kept]
            random.shuffle(order)
            took = {wanted is not None: once(lambda wanted=wanted: run(wanted)) for wanted in order}
            pairs.append((took[False], took[True]))
        without, cached = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
        show("job with two requirements, environment there, beyond one without", ms(cached - without),
             "<= 20 ms", f"({ms(cached)}, without {ms(without)})")  # fmt: skip
        built = [
            once(lambda number=number: run(["first", f"numbered==1.{number}"])) for number in range(BUILDS)
        ]
        show("the same, to be made, wheels at hand", ms(statistics.median(built) - without), "< 1 s")


if __name__ == "__main__":
    main()
