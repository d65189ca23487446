"""`python -m jobs_jupyter.service`."""

from __future__ import annotations

import gc
import sys

gc.disable()  # until it serves: imports make no garbage, and looking for some takes a tenth of a start

from jobs_jupyter.service.program import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
