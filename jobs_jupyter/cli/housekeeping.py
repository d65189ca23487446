"""`jupyter jobs gc`: delete what is not to be kept."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli.output import document, note, table
from jobs_jupyter.cli.parser import THERE, shared
from jobs_jupyter.models.sizes import human

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

COLUMNS = ("KIND", "ID", "NAME", "SIZE", "WHY")
SPARE = ("ID",)
SHORT_DIGEST = 12


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "gc",
        parents=shared(home=THERE),
        help="delete now what the settings say is not to be kept",
        description="Delete now what the settings say is not to be kept; the service does so by itself "
        "about once an hour. See: jupyter jobs config",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    parser.set_defaults(run=_gc)


def _gc(options: argparse.Namespace) -> int:
    from jobs_jupyter.client.http import client

    found = client.json("POST", "/v1/gc", body={"dry_run": options.dry_run}, timeout=600.0)
    if options.json:
        document(found)
        return 0
    if found["deleted"]:
        table(COLUMNS, [_row(entry) for entry in found["deleted"]], SPARE)
    done = "Would free" if options.dry_run else "Freed"
    note(f"{done} {human(found['bytes'])}." if found["deleted"] else "There is nothing to delete.")
    return 0


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    shown = entry["id"][:SHORT_DIGEST] if entry["kind"] == "package" else entry["id"]
    return entry["kind"], shown, entry["name"], human(entry["bytes"]), entry["why"]
