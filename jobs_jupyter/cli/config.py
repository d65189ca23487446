"""`jupyter jobs config`: the settings in force, and where each comes from."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING, Any

from jobs_jupyter.cli.output import document, note, table
from jobs_jupyter.cli.parser import ANY, shared
from jobs_jupyter.cli.target import require_answer

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

ROWS = ("SETTING", "VALUE", "FROM")


def add(verbs: Verbs) -> None:
    """Add the verb."""
    parser = verbs.add_parser(
        "config",
        parents=shared(home=ANY),
        help="show the settings in force, and where each comes from",
        description="Show the settings of the service that runs, or of one that would be started here now.",
    )
    parser.set_defaults(run=_config)


def _config(options: argparse.Namespace) -> int:
    from jobs_jupyter.client import service

    require_answer()
    endpoint = service.locate()
    running = _asked() if endpoint else None
    entries = running or _here()
    if options.json:
        document({"running": running is not None, "settings": entries})
        return 0
    table(ROWS, [(entry["name"], _shown(entry["value"]), entry["source"]) for entry in entries])
    if endpoint and endpoint.is_local:
        _say_what_waits(entries)
    return 0


def _asked() -> list[dict[str, Any]]:
    from jobs_jupyter.client.http import client

    found: list[dict[str, Any]] = client.json("GET", "/v1/settings")["settings"]
    return found


def _here() -> list[dict[str, Any]]:
    """Return what a service that this process starts would have."""
    from jobs_jupyter.client import service
    from jobs_jupyter.models import settings

    return settings.load(service.state_paths().config, os.environ, {}).entries()


def _say_what_waits(running: list[dict[str, Any]]) -> None:
    """Name what has been set since the service started; an argument of the service's own stays."""
    now = {entry["name"]: entry["value"] for entry in _here()}
    waiting = [
        f"{entry['name']}={_shown(now[entry['name']])}"
        for entry in running
        if entry["source"] != "argument" and now.get(entry["name"]) != entry["value"]
    ]
    if waiting:
        note(
            f"Set since the service started: {', '.join(waiting)}. In force after: jupyter jobs service stop"
        )


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else "none" if value is None else json.dumps(value)
