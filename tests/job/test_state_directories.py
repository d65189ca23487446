"""State directories whose names mean something to a URI, a line of requirements or a shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.models.errors import ServiceStartError
from jobs_jupyter.models.paths import HOME_VARIABLE
from tests.cli.program import cli
from tests.conftest import left_over, stop_everything
from tests.jobs import output, submit
from tests.wheels import wheel

NAMES = ["%41", "#x", "?y=1", "${X}", "a b", "it's", 'q"q', "größe 🎈", "new\nline", "tab\t", ";x", "a,b",
         "[a]", "*", "\\x", " lead", "-r", "{0}%s", "x @ y"]  # fmt: skip


@pytest.fixture(params=NAMES)
def place(home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory of such a name, with the state directory in it."""
    found = home.parent / request.param
    found.mkdir()
    monkeypatch.setenv("X", "expanded")
    monkeypatch.setenv(HOME_VARIABLE, str(found / "state"))
    yield found
    stop_everything()
    assert not left_over(found / "state")


def test_a_job_with_all_that_it_may_have(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(place)
    wheel(place / "dist", "one", "1.0", program="one-says")
    wheel(place / "links", "two", "2.0")
    (place / "more 1.txt").write_text("--no-index\n-f ./links\ntwo\n./dist/one-1.0-py3-none-any.whl\n")
    (place / "reqs.txt").write_text("-r more 1.txt\n")
    (place / "mine").mkdir()
    (place / "mine" / "__init__.py").write_text("NAME = 'mine'\n")
    (place / "file").write_text("of the directory")
    log = output(
        "one-says; python -c 'import two, mine; print(two.VERSION, mine.NAME)'; cat file",
        requirements="reqs.txt", py_modules=["mine"], working_dir=".", excludes=["state"],
        py_executable="python -X dev",
    )  # fmt: skip
    assert log.splitlines()[-3:] == ["one 1.0", "2.0 mine", "of the directory"]
    assert cli("backup", str(tmp_path / "backup.tar.gz")).returncode == 0
    restored = cli("restore", str(tmp_path / "backup.tar.gz"), "--home", str(place / "again"))
    assert restored.returncode == 0, restored.stderr
    assert [each.state for each in job.list()] == ["SUCCEEDED"]


def test_a_path_that_can_not_be_on_a_path(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(home.parent / "a:b"))
    with pytest.raises(ServiceStartError, match="has a ':', which separates directories on PATH"):
        submit("true")
