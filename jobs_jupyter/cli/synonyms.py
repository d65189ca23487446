"""What other clients of jobs call things: the official one, `ray job` and `hf jobs`.

The parser takes the words that mean the same, and its errors say what to write for the others.
docs/cli.md shows the table.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

OFFICIAL, RAY, HF = "official", "ray job", "hf jobs"
JOBS = ("status", "terminate", "archive", "delete", "logs", "wait", "tags add", "tags remove", "tags list")
QUEUES = ("queues status", "queues update", "queues archive", "queues terminate", "queues delete")
CONFIGS = ("compute-configs get", "compute-configs archive", "compute-configs create", "compute-configs list")
RUN = "submit --image IMAGE -- COMMAND, or without --image for a job in this environment"
VARIABLES = "use -w for the directory, -e for variables, -r for requirements, --py-module for modules"
ONE_CLOUD = "there is one cloud, this service; leave it out"
WHERE = "JOBS_JUPYTER_TARGET names a service elsewhere"
TOKEN = "JOBS_JUPYTER_TOKEN has the token of a service elsewhere"  # noqa: S105 - a variable's name
PAGES = "lists are not paged; --max N says how many at most"
ALL_STATES = "jobs in all states are listed; --all-users lists other users' too"
ALL_RUNS = "logs -f goes on with each run; --run N prints one"


class Kind(Enum):
    """How another client's word relates to ours."""

    SAME = "the same"
    """It is taken."""
    OTHER = "something to write instead"
    """We don't have the word."""
    CLASH = "a word of ours that means something else"
    """Where it was used wrongly, it is said what it means here."""


class Row(NamedTuple):
    """A word of another client.

    Attributes:
        clients: who says so.
        verbs: the commands that it belongs to; "" where it is a command itself.
        theirs: their word.
        ours: our word; of what is not the same, what to write, as the end of a sentence.
    """

    clients: str
    verbs: tuple[str, ...]
    theirs: str
    ours: str
    kind: Kind = Kind.SAME


_C, _S = ("",), ("submit",)
TABLE = (
    Row(RAY, _C, "stop", "terminate"),
    Row(HF, _C, "cancel", "terminate"),
    Row(HF, _C, "ps", "list"),
    Row(HF, _C, "ls", "list"),
    Row(HF, _C, "inspect", "status"),
    Row(OFFICIAL, _C, "job-queue", "queues"),
    Row(OFFICIAL, _C, "compute-config", "compute-configs"),
    Row(HF, _C, "labels", "use tags add and tags remove", Kind.OTHER),
    Row(HF, _C, "run", f"use {RUN}", Kind.OTHER),
    Row(HF, _C, "uv", "use submit -- uv run SCRIPT", Kind.OTHER),
    Row(HF, _C, "stats", "use status, which shows each run's CPU time and memory", Kind.OTHER),
    Row(HF, _C, "hardware", "use doctor, which says what this machine has", Kind.OTHER),
    Row(HF, _C, "rerun", "submit it again", Kind.OTHER),
    Row(HF, _C, "scheduled", "start submit from cron or a systemd timer", Kind.OTHER),
    Row(HF, _C, "ssh", "jobs run on this machine", Kind.OTHER),
    Row(HF, _C, "expose", "jobs run on this machine, and their ports are its ports", Kind.OTHER),
    # which job is meant
    Row(f"{OFFICIAL}, {RAY}", JOBS, "--job-id", "--id"),
    Row(RAY, JOBS, "--submission-id", "--id"),
    Row(OFFICIAL, JOBS, "--include-archived", "--archived"),
    Row(OFFICIAL, QUEUES, "--job-queue-id", "--id"),
    # what all of them take
    Row(OFFICIAL, (*JOBS, *_S, "list", *QUEUES, "queues list", *CONFIGS), "-j", "--json"),
    Row(HF, (*JOBS, *_S, "list", *QUEUES, "queues list", *CONFIGS), "--format", "--output"),
    Row(OFFICIAL, (*JOBS, *_S, "list", *QUEUES, "queues list", *CONFIGS), "--cloud", ONE_CLOUD, Kind.OTHER),
    Row(OFFICIAL, ("status", "list"), "--verbose", "use --json, which shows everything", Kind.OTHER),
    Row(OFFICIAL, ("status", "list"), "-v", "use --json, which shows everything", Kind.OTHER),
    *(
        Row(clients, (*JOBS, *_S, "list"), theirs, ours, Kind.OTHER)
        for clients, theirs, ours in (
            (RAY, "--address", WHERE),
            (RAY, "--verify", WHERE),
            (RAY, "--headers", TOKEN),
            (RAY, "--log-style", "leave it out"),
            (RAY, "--log-color", "leave it out"),
            (HF, "--token", TOKEN),
            (HF, "--namespace", "use --project"),
            (HF, "--quiet", "submit prints the id alone, and --json has all of them"),
            (HF, "--no-truncate", "use --json, which shows everything"),
        )
    ),
    # submit
    Row(OFFICIAL, _S, "--config-file", "--file"),
    Row(OFFICIAL, _S, "--compute-config", "--compute"),
    Row(OFFICIAL, _S, "--image-uri", "--image"),
    Row(OFFICIAL, _S, "--registry-login-secret", "--registry-secret"),
    Row(OFFICIAL, _S, "--max-retries", "--retries"),
    Row(OFFICIAL, _S, "--timeout-s", "--timeout"),
    Row(RAY, _S, "--entrypoint-num-cpus", "--cpus"),
    Row(RAY, _S, "--entrypoint-num-gpus", "--gpus"),
    Row(RAY, _S, "--entrypoint-memory", "--memory"),
    Row(HF, _S, "--detach", "--no-wait"),
    Row(HF, _S, "-d", "--no-wait"),
    Row(HF, (*_S, "list"), "--label", "--tag"),
    Row(HF, (*_S, "list"), "-l", "--tag"),
    Row(OFFICIAL, _S, "-w", "-w names the working directory; --wait waits", Kind.CLASH),
    Row(OFFICIAL, _S, "-e", "-e sets a variable; -x PATTERN leaves files out", Kind.CLASH),
    Row(OFFICIAL, _S, "-t", "-t sets a tag; --timeout ends a run", Kind.CLASH),
    Row(OFFICIAL, _S, "--ray-version", "the image says which Ray it has", Kind.OTHER),
    Row(RAY, _S, "--runtime-env", VARIABLES, Kind.OTHER),
    Row(RAY, _S, "--runtime-env-json", VARIABLES, Kind.OTHER),
    Row(RAY, _S, "--submission-id", "ids are given out; -n names the job", Kind.OTHER),
    Row(RAY, _S, "--job-id", "ids are given out; -n names the job", Kind.OTHER),
    Row(RAY, _S, "--metadata-json", "use --tag KEY=VALUE", Kind.OTHER),
    Row(RAY, _S, "--entrypoint-resources", "use --compute with a compute config", Kind.OTHER),
    Row(RAY, _S, "--entrypoint-label-selector", "use --compute with a compute config", Kind.OTHER),
    Row(HF, _S, "--attempts", "use --retries N, which does not count the first run", Kind.OTHER),
    Row(HF, _S, "--flavor", "use --cpus, --memory and --gpus, or --compute", Kind.OTHER),
    Row(HF, _S, "--secrets", "use -e NAME, which takes this shell's value, or --connection", Kind.OTHER),
    Row(HF, _S, "-s", "use -e NAME, which takes this shell's value, or --connection", Kind.OTHER),
    Row(HF, _S, "--env-file", "use -e NAME=VALUE, or env_vars in the file of -f", Kind.OTHER),
    Row(HF, _S, "--secrets-file", "use -e NAME=VALUE, or env_vars in the file of -f", Kind.OTHER),
    Row(HF, _S, "--volume", "a job sees this machine's files, and its working directory with -w", Kind.OTHER),
    Row(HF, _S, "-v", "a job sees this machine's files, and its working directory with -w", Kind.OTHER),
    Row(HF, _S, "--dry-run", "nothing is sent where the job is refused", Kind.OTHER),
    Row(HF, _S, "--expose", "a job's ports are this machine's ports", Kind.OTHER),
    # list
    Row(OFFICIAL, ("list",), "--job-id", "--id"),
    Row(OFFICIAL, ("list",), "--include-all-users", "--all-users"),
    Row(OFFICIAL, ("list",), "--include-archived", "--archived"),
    Row(OFFICIAL, ("list", "queues list"), "--max-items", "--max"),
    Row(HF, ("list",), "--limit", "--max"),
    Row(OFFICIAL, ("list",), "--v2", "leave it out: all filters are there", Kind.OTHER),
    Row(OFFICIAL, ("list",), "--project-id", "use --project", Kind.OTHER),
    Row(HF, ("list",), "--status", "use --state, which has names of its own", Kind.OTHER),
    Row(
        HF,
        ("list",),
        "--all",
        ALL_STATES,
        Kind.OTHER,
    ),
    Row(HF, ("list",), "-a", ALL_STATES, Kind.OTHER),
    *(
        Row(OFFICIAL, ("list", "queues list"), theirs, PAGES, Kind.OTHER)
        for theirs in ("--page-size", "--interactive", "--no-interactive")
    ),
    # logs and wait
    Row(OFFICIAL, ("logs",), "--max-lines", "--lines"),
    Row(HF, ("logs",), "-n", "-n is the job's name here, and --lines N says how many lines", Kind.CLASH),
    Row(OFFICIAL, ("logs",), "--all-attempts", ALL_RUNS, Kind.OTHER),
    Row(OFFICIAL, ("wait",), "-s", "--state"),
    Row(OFFICIAL, ("wait",), "-t", "--timeout"),
    Row(OFFICIAL, ("wait",), "--timeout-s", "--timeout"),
    # tags, queues and compute configs
    Row(HF, ("tags add",), "--label", "--tag"),
    Row(OFFICIAL, ("queues update",), "--idle-timeout-s", "--idle-timeout"),
    Row(OFFICIAL, (*QUEUES, "queues list"), "--view", "use --json, which shows everything", Kind.OTHER),
    Row(OFFICIAL, ("queues list",), "--cluster-status", "--json says what state each is in", Kind.OTHER),
    Row(OFFICIAL, ("queues list",), "--include-all-users", "everyone's queues are listed", Kind.OTHER),
    Row(OFFICIAL, ("compute-configs create",), "--config-file", "--file"),
    Row(OFFICIAL, ("compute-configs list",), "--include-archived", "--archived"),
)


def hint(verb: str, word: str, *kinds: Kind) -> str:
    """Return what to write in the place of a word, as the end of a sentence; nothing where none is known."""
    wanted = kinds or (Kind.OTHER,)
    for row in TABLE:
        if verb in row.verbs and row.theirs == word and row.kind in wanted:
            return f"; {row.ours}"
    return ""


def markdown() -> str:
    """Return the table for the documentation."""
    lines = ["| of | command | theirs | here |", "|---|---|---|---|"]
    for row in TABLE:
        verbs = ", ".join(f"`{verb}`" for verb in row.verbs if verb)
        ours = f"`{row.ours}`" if row.kind is Kind.SAME else row.ours
        lines.append(f"| {row.clients} | {verbs} | `{row.theirs}` | {ours} |")
    return "\n".join(lines) + "\n"
