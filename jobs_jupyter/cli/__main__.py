"""`python -m jobs_jupyter.cli` is `jupyter jobs`."""

import sys

from jobs_jupyter.cli import main

sys.exit(main())
