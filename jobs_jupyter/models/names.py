"""Ids and names for what has none."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_lowercase + string.digits


def _words(text: str) -> list[str]:
    return text.split()


ADJECTIVES = _words(
    "amber ample apt autumn bold brave breezy bright brisk calm careful cheerful clear clever cool cosy "
    "crisp curious dapper deft eager early easy fair fine fleet fond fresh gentle glad golden good "
    "grand green happy hardy honest humble jolly keen kind light lively lucky mellow merry mild neat "
    "noble patient plain polite proud quick quiet ready silver smooth snug steady sunny swift tidy warm"
)
NOUNS = _words(
    "acorn alder apple aspen badger beacon birch bridge brook cedar cherry cliff clover comet coral cove "
    "crane creek curlew daisy delta dune eagle elm falcon fern field finch fjord forest garden glade "
    "grove harbor hazel heron hill iris island juniper lagoon lake lark linden maple meadow moon oak "
    "orchard otter owl pebble pine plum poplar reef ridge river robin spruce swallow thistle valley willow"
)


def _random(length: int) -> str:
    left = secrets.randbelow(len(_ALPHABET) ** length)  # once: asking for each letter takes longer
    letters = []
    for _ in range(length):
        left, letter = divmod(left, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


def new_job_id() -> str:
    """Return a new job's id."""
    return f"prodjob_{_random(26)}"


def new_queue_id() -> str:
    """Return a new job queue's id."""
    return f"jobqueue_{_random(26)}"


def new_compute_config_id() -> str:
    """Return the id of a new version of a compute config."""
    return f"cpt_{_random(26)}"


def new_run_name() -> str:
    """Return a new run's name."""
    return f"jobrun_{_random(16)}"


def random_job_name() -> str:
    """Return a name for a job that was given none: job-swift-otter-k3x9."""
    return _random_name("job")


def random_compute_config_name() -> str:
    """Return a name for a compute config that was given none: compute-swift-otter-k3x9."""
    return _random_name("compute")


def _random_name(prefix: str) -> str:
    return f"{prefix}-{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}-{_random(4)}"
