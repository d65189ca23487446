"""`jupyter jobs tags add | remove | list`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from jobs_jupyter.cli.job_argument import add_job, meant
from jobs_jupyter.cli.output import document, printable
from jobs_jupyter.cli.parser import Parser, shared, user_input
from jobs_jupyter.words import tag

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    tags: Parser = verbs.add_parser("tags", help="add, remove or list a job's tags")
    actions = tags.add_subparsers(title="actions", required=True, metavar="ACTION")
    put = actions.add_parser("add", parents=shared(project=True), help="add tags, or change their values")
    add_job(put)
    tags_given = put.add_argument("tags", metavar="KEY=VALUE", nargs="+", type=tag)
    option = put.add_argument("-t", "--tag", dest="tags", metavar="KEY=VALUE", type=tag, action="append",
                              default=argparse.SUPPRESS, help="the same, as an option")  # fmt: skip
    put.stand_in(tags_given, option)
    put.set_defaults(run=_add)
    remove = actions.add_parser("remove", parents=shared(project=True), help="remove tags by their keys")
    add_job(remove)
    keys = remove.add_argument("keys", metavar="KEY", nargs="+")
    option = remove.add_argument("--key", dest="keys", action="append", default=argparse.SUPPRESS,
                                 help="the same, as an option")  # fmt: skip
    remove.stand_in(keys, option)
    remove.set_defaults(run=_remove)
    listed = actions.add_parser("list", parents=shared(project=True), help="list a job's tags")
    add_job(listed)
    listed.set_defaults(run=_list)


def _add(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    with user_input():
        sdk.add_tags(**meant(options.job, options), tags=dict(options.tags))
    return _list(options) if options.json else 0


def _remove(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    with user_input():
        sdk.remove_tags(**meant(options.job, options), keys=options.keys)
    return _list(options) if options.json else 0


def _list(options: argparse.Namespace) -> int:
    from jobs_jupyter import job as sdk

    tags = sdk.list_tags(**meant(options.job, options))
    if options.json:
        document(tags)
    else:
        print("".join(f"{key}={printable(value)}\n" for key, value in tags.items()), end="")
    return 0
