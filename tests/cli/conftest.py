"""The command line in this process, which is quicker than one of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from jobs_jupyter.cli import main


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)


Call = Callable[..., Done]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process."""

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as ended:  # argparse's
            code = int(ended.code or 0)
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return run


@pytest.fixture
def refused(call: Call) -> Callable[..., str]:
    """Run a command line that is wrong; returns the one line that says so."""

    def run(*arguments: str, code: int = 2) -> str:
        done = call(*arguments)
        assert (done.code, done.out) == (code, ""), done.err
        assert done.err.startswith("jupyter jobs: ")
        assert done.err.count("\n") == 1
        return done.err

    return run
