"""Talking to the service: finding and starting it, requests, streams."""

from __future__ import annotations

import sys

# httpx imports its own command line where click and rich are installed, which takes as long as the
# rest of it. It does without where that import fails, and that is what None in here makes of it.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
