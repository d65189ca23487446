"""`jupyter jobs compute-configs list | get | create | archive`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobs_jupyter.cli.completion import compute_names
from jobs_jupyter.cli.job_argument import One
from jobs_jupyter.cli.output import age, document, fields, moment, note, printable, table
from jobs_jupyter.cli.parser import MADE, Parser, shared, user_input
from jobs_jupyter.words import word

if TYPE_CHECKING:
    from jobs_jupyter.cli.parser import Verbs
    from jobs_jupyter.models.compute import ComputeConfig, MultiResourceComputeConfig
    from jobs_jupyter.models.compute_version import ComputeConfigVersion

COLUMNS = ("ID", "NAME", "STATE", "AGE", "ASKS FOR")
SPARE = ("ID", "AGE")
EXAMPLE = """example of a FILE:
  head_node:
    required_resources: {CPU: 4, memory: 16Gi, GPU: 1}
"""


def add(verbs: Verbs) -> None:
    """Add the verbs."""
    configs: Parser = verbs.add_parser("compute-configs", help="name what jobs run on, once")
    actions = configs.add_subparsers(title="actions", required=True, metavar="ACTION")
    listed = actions.add_parser("list", parents=shared(), help="list the latest version of each")
    listed.add_argument("--archived", action="store_true", help="archived ones as well")
    listed.set_defaults(run=_list)
    one = actions.add_parser("get", parents=shared(), help="show a compute config")
    _add_name(one, "a compute config's name, or NAME:VERSION")
    one.set_defaults(run=_get)
    made = actions.add_parser(
        "create",
        parents=shared(home=MADE),
        help="keep a compute config and print its name and version",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLE,
    )
    made.add_argument("-f", "--file", required=True, metavar="FILE", help="YAML: the compute config's fields")
    made.add_argument(
        "-n", "--name", type=word, help="one that exists gets one more version (one is made up)"
    )
    made.set_defaults(run=_create)
    away = actions.add_parser("archive", parents=shared(), help="let no more jobs use a compute config")
    _add_name(away, "a compute config's name")
    away.set_defaults(run=_archive)


def _add_name(parser: Parser, text: str) -> None:
    name = parser.add_argument("name", metavar="NAME", type=word, help=text)
    option = parser.add_argument("-n", "--name", dest="name", action=One, type=word, metavar="NAME",
                                 default=argparse.SUPPRESS, help="the same, as an option")  # fmt: skip
    parser.stand_in(name, option)
    name.completer = option.completer = compute_names  # type: ignore[attr-defined] # argcomplete looks for it


def _list(options: argparse.Namespace) -> int:
    from jobs_jupyter import compute_config

    found = compute_config.list(include_archived=options.archived)
    if options.json:
        document([each.to_dict() for each in found])
    elif found:
        table(COLUMNS, [_row(each) for each in found], SPARE)
    elif sys.stdout.isatty():
        note("There are no compute configs. Make one: jupyter jobs compute-configs create -f FILE")
    return 0


def _row(version: ComputeConfigVersion) -> tuple[str, ...]:
    state = "archived" if version.archived_at else "active"
    return version.id, version.name, state, age(version.created_at), _asks(version.config)


def _asks(config: ComputeConfig | MultiResourceComputeConfig) -> str:
    """Say in a few words what a config asks for."""
    from jobs_jupyter.models.compute import MultiResourceComputeConfig

    if isinstance(config, MultiResourceComputeConfig):
        return f"one of {len(config.configs)}"
    head = config.head_node
    required = head.required_resources.to_dict() if head and head.required_resources else {}
    if head and head.instance_type:
        required = {"instance_type": head.instance_type}
    return " ".join(
        f"{name}={amount}" for name, amount in {**(config.min_resources or {}), **required}.items()
    )


def _get(options: argparse.Namespace) -> int:
    from jobs_jupyter import compute_config

    with user_input():
        version = compute_config.get(options.name, include_archived=True)
    if options.json:
        document(version.to_dict())
    else:
        _show(version)
    return 0


def _show(version: ComputeConfigVersion) -> None:
    import yaml

    fields(
        [
            ("name", version.name),
            ("id", version.id),
            ("created", moment(version.created_at)),
            ("creator", version.creator_id),
            ("archived", moment(version.archived_at)),
        ]
    )
    print(f"\n{yaml.safe_dump(version.config.to_dict(exclude_unset=True), sort_keys=False)}", end="")


def _create(options: argparse.Namespace) -> int:
    from jobs_jupyter import compute_config
    from jobs_jupyter.models.base import read_yaml

    with user_input():
        full_name = compute_config.create(read_yaml(Path(options.file)), name=options.name)
    if options.json:
        document({"name": full_name})
    else:
        print(printable(full_name))
    return 0


def _archive(options: argparse.Namespace) -> int:
    from jobs_jupyter import compute_config

    with user_input():
        compute_config.archive(options.name)
    if options.json:
        document({"name": options.name})
    else:
        print(f"{printable(options.name)} is archived")
    return 0
