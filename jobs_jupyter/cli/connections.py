"""`jupyter jobs connection add | list | test | remove`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from jobs_jupyter.cli import hidden
from jobs_jupyter.cli.completion import connection_names
from jobs_jupyter.cli.output import age, document, note, printable, table
from jobs_jupyter.cli.parser import Parser, UsageError, shared, user_input
from jobs_jupyter.words import word

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs
    from jobs_jupyter.models.connection import Connection

COLUMNS = ("NAME", "TYPE", "HOST", "LOGS IN WITH", "CHANGED")
TYPES = ("databricks",)
TOKEN, CLIENT_SECRET = "token", "client-secret"
EXAMPLES = """examples:
  jupyter jobs connection add lake --type databricks --host https://NAME.cloud.databricks.com
  jupyter jobs connection add lake --type databricks --host … --token-env DATABRICKS_TOKEN
  jupyter jobs connection add bot --type databricks --host … --client-id ID

A token or a client's secret is asked for; it is on no command line and never shown again.
"""


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    noun: Parser = verbs.add_parser("connection", help="name what jobs log in to, once")
    actions = noun.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_add(actions)
    listed = actions.add_parser("list", parents=shared(), help="list the connections")
    listed.set_defaults(run=_list)
    tested = actions.add_parser("test", parents=shared(), help="log in with a connection")
    _add_name(tested)
    tested.set_defaults(run=_test)
    removed = actions.add_parser("remove", parents=shared(), help="forget a connection")
    _add_name(removed)
    removed.set_defaults(run=_remove)


def _add_add(actions: Verbs) -> None:
    made = actions.add_parser(
        "add",
        parents=shared(),
        help="keep a connection; one of that name is replaced",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    made.add_argument("name", metavar="NAME", type=word, help="what jobs call it")
    made.add_argument("--type", required=True, type=str.lower, choices=TYPES, metavar="TYPE",
                      help="what it logs in to: databricks")  # fmt: skip
    made.add_argument("--host", required=True, help="the workspace's address")
    made.add_argument("--client-id", metavar="ID", help="log in as a service principal, not with a token")
    hidden.add_sources(made, TOKEN)
    hidden.add_sources(made, CLIENT_SECRET)
    made.set_defaults(run=_add)


def _add_name(parser: Parser) -> None:
    name = parser.add_argument("name", metavar="NAME", type=word, help="a connection's name")
    name.completer = connection_names  # type: ignore[attr-defined] # argcomplete looks for it


def _add(options: argparse.Namespace) -> int:
    from jobs_jupyter import connection

    with user_input():
        connection.add(options.name, {"host": options.host, **_login(options)})
    return _done(options, "is kept")


def _login(options: argparse.Namespace) -> dict[str, str]:
    """Return the fields to log in with, those that are secret asked for."""
    if options.client_id is None:
        _refuse(options, CLIENT_SECRET, "is for --client-id")
        return {"token": hidden.read(options, TOKEN, "Token")}
    _refuse(options, TOKEN, "and --client-id exclude each other")
    return {
        "client_id": options.client_id,
        "client_secret": hidden.read(options, CLIENT_SECRET, "Client secret"),
    }


def _refuse(options: argparse.Namespace, what: str, why: str) -> None:
    for source in ("stdin", "env"):
        if getattr(options, f"{what}-{source}".replace("-", "_")):
            raise UsageError(f"--{what}-{source} {why}")


def _list(options: argparse.Namespace) -> int:
    from jobs_jupyter import connection

    found = connection.list()
    if options.json:
        document([each.to_dict() for each in found])
    elif found:
        table(COLUMNS, [_row(each) for each in found])
    elif sys.stdout.isatty():
        note("There are no connections. Add one: jupyter jobs connection add NAME --type databricks --host …")
    return 0


def _row(each: Connection) -> tuple[str, ...]:
    way = f"client {each.client_id}" if each.client_id else "token"
    return each.name, each.type.lower(), each.host, way, age(each.updated_at)


def _test(options: argparse.Namespace) -> int:
    from jobs_jupyter import connection

    with user_input():
        user = connection.test(options.name)
    if options.json:
        document({"name": options.name, "user": user})
    else:
        print(f"{printable(options.name)} logs in{printable(f' as {user}') if user else ''}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from jobs_jupyter import connection

    with user_input():
        connection.remove(options.name)
    return _done(options, "is removed")


def _done(options: argparse.Namespace, what: str) -> int:
    if options.json:
        document({"name": options.name})
    else:
        print(f"{printable(options.name)} {what}")
    return 0
