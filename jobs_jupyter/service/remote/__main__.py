"""A program that looks at, fetches or stores one remote object, with a job's environment.

What it shall do is in the variable JOBS_JUPYTER_REMOTE, as JSON, since others can read arguments;
what comes of it are lines on stdout, each a mark and JSON. All else that is printed is a library's.
"""

from __future__ import annotations

import json
import os
import sys

if __name__ == "__main__":
    task = json.loads(os.environ.pop("JOBS_JUPYTER_REMOTE"))
    sys.path[:] = task["sys_path"]  # the service's: the job's PYTHONPATH is not ours

    from jobs_jupyter.service.remote import program  # which can only now be found

    program.tell(program.main(task))
    os._exit(0)  # threads and loops of libraries may never end
