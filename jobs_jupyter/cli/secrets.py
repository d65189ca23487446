"""`jupyter jobs secret set | list | remove`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from jobs_jupyter.cli import hidden
from jobs_jupyter.cli.completion import secret_names
from jobs_jupyter.cli.output import age, document, note, printable, table
from jobs_jupyter.cli.parser import Parser, shared, user_input
from jobs_jupyter.words import word

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs

COLUMNS = ("NAME", "USERNAME", "CHANGED")
VALUE = "value"
EXAMPLES = """examples:
  jupyter jobs secret set registry --username me       asks for the password
  pass show registry | jupyter jobs secret set registry --username me

The value is on no command line and never shown again.
"""


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    noun: Parser = verbs.add_parser("secret", help="keep values by name, such as a registry's password")
    actions = noun.add_subparsers(title="actions", required=True, metavar="ACTION")
    kept = actions.add_parser(
        "set",
        parents=shared(),
        help="keep a secret; one of that name is replaced",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    kept.add_argument("name", metavar="NAME", type=word, help="what it is called")
    kept.add_argument("--username", help="the value is the password of this user")
    hidden.add_sources(kept, VALUE)
    kept.set_defaults(run=_set)
    listed = actions.add_parser("list", parents=shared(), help="list the secrets' names")
    listed.set_defaults(run=_list)
    removed = actions.add_parser("remove", parents=shared(), help="forget a secret")
    name = removed.add_argument("name", metavar="NAME", type=word, help="a secret's name")
    name.completer = secret_names  # type: ignore[attr-defined] # argcomplete looks for it
    removed.set_defaults(run=_remove)


def _set(options: argparse.Namespace) -> int:
    from jobs_jupyter import secret

    prompt = "Value" if options.username is None else f"Password of {printable(options.username)}"
    with user_input():
        secret.set(options.name, hidden.read(options, VALUE, prompt), username=options.username)
    return _done(options, "is kept")


def _list(options: argparse.Namespace) -> int:
    from jobs_jupyter import secret

    found = secret.list()
    if options.json:
        document([each.to_dict() for each in found])
    elif found:
        table(COLUMNS, [(each.name, each.username or "", age(each.updated_at)) for each in found])
    elif sys.stdout.isatty():
        note("There are no secrets. Set one: jupyter jobs secret set NAME")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from jobs_jupyter import secret

    with user_input():
        secret.remove(options.name)
    return _done(options, "is removed")


def _done(options: argparse.Namespace, what: str) -> int:
    if options.json:
        document({"name": options.name})
    else:
        print(f"{printable(options.name)} {what}")
    return 0
