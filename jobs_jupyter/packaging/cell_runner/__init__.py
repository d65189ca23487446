"""Runs a cell in a job. Copied into the job's package, so it imports nothing of ours but itself.

A cell's package has `run_cell.py`, which calls `program.main`, and beside it cell.py (the cell as the user
wrote it), cell.json and inputs/<name>.pickle. What comes back is written to the directory that
JOBS_JUPYTER_OUTPUT_DIR names: <name>.pickle and outputs.json, error.json, displayed.json.

The process belongs to the user's program: there is no thread, descriptor, signal handler, fork hook or audit
hook of ours in it, and whatever the runner needs is imported before the user's directory is on the path.
"""
