"""`py_modules`: what a run can import, as it was at submit."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.models.errors import PackageError
from tests.jobs import ended, output, submit


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A package and a module, neither of which is in a working directory."""
    (tmp_path / "mine" / "inner").mkdir(parents=True)
    (tmp_path / "mine" / "__init__.py").write_text("NAME = 'mine'\n")
    (tmp_path / "mine" / "inner" / "__init__.py").write_text("DEEP = 'deep'\n")
    (tmp_path / "mine" / "__pycache__").mkdir()
    (tmp_path / "mine" / "__pycache__" / "left.pyc").write_text("no")
    (tmp_path / "single.py").write_text("ONE = 'one'\n")
    return tmp_path


def test_a_run_imports_them_from_anywhere(service: Path, library: Path) -> None:
    code = "import mine.inner, single; print(mine.NAME, mine.inner.DEEP, single.ONE)"
    modules = [str(library / "mine"), str(library / "single.py")]
    assert output(f'cd / && python -c "{code}"', py_modules=modules) == "mine deep one\n"


def test_a_link_has_the_name_that_it_is_given_by(
    service: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (library / "mine").rename(library / "mine-2.0")
    (library / "mine").symlink_to("mine-2.0")
    (library / "other.py").symlink_to("single.py")
    code = "import mine.inner, other; print(mine.NAME, other.ONE)"
    modules = [str(library / "mine"), str(library / "other.py")]
    assert output(f'python -c "{code}"', py_modules=modules) == "mine one\n"
    monkeypatch.chdir(library / "mine" / "inner")
    assert output("python -c 'import inner; print(inner.DEEP)'", py_modules=["."]) == "deep\n"


def test_they_come_before_the_job_s_own_path_in_their_order(service: Path, library: Path) -> None:
    shown = output(
        'echo "$PYTHONPATH"', py_modules=[str(library / "mine"), str(library / "single.py")],
        env_vars={"PYTHONPATH": "/from/env"},
    )  # fmt: skip
    first, second, last = shown.strip().split(":")
    assert (Path(first).name, Path(second).name, last) == ("0", "1", "/from/env")
    assert Path(first) != Path(second)


def test_later_edits_and_other_runs_change_nothing(service: Path, library: Path, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    wait = f"while [ ! -e {flag} ]; do sleep 0.05; done; "
    code = (
        "import mine, pathlib; p = pathlib.Path(mine.__file__); print(mine.NAME);"
        " p.write_text('NAME = 1'); raise SystemExit(1)"
    )
    job_id = submit(f'{wait}python -c "{code}"', py_modules=[str(library / "mine")], max_retries=1)
    (library / "mine" / "__init__.py").write_text("NAME = 'edited'\n")
    flag.touch()
    status = ended(job_id)
    assert [job.get_logs(id=job_id, run=run.name) for run in status.runs] == ["mine\n", "mine\n"]
    assert status.config.py_modules is not None
    assert status.config.py_modules[0].startswith("package://sha256/")


def test_the_same_package_again_is_stored_once_and_goes_with_its_last_job(
    service: Path, library: Path
) -> None:
    first, second = (submit("true", py_modules=[str(library / "mine")]) for _ in range(2))
    ended(first)
    assert len(list(service.glob("packages/manifests/*"))) == 1
    again = job.submit(job.status(id=first).config)  # from what status shows
    job.delete(id=ended(first).id)
    job.delete(id=ended(second).id)
    assert len(list(service.glob("packages/manifests/*"))) == 1
    job.delete(id=ended(again).id)
    assert not list(service.glob("packages/manifests/*"))
    assert not list(service.glob("packages/blobs/*/*"))


def test_what_can_not_be_imported_is_refused_by_name(service: Path, library: Path) -> None:
    (library / "my-module").mkdir()
    (library / "text.txt").write_text("text")
    (library / "other").mkdir()
    (library / "other" / "mine").mkdir()
    for wrong, why in (
        (["my-module"], "py_modules.*no Python name"),
        (["text.txt"], "py_modules.*neither a directory nor a .py file"),
        (["nowhere"], r"py_modules has '\S+/nowhere', and there is no such directory or file; check its"),
        (["~nobody-of-that-name/x"], "py_modules has .*no such directory or file; check its spelling"),
        (["x" * 300], "x' can't be looked at: File name too long"),
        (["mine", "other/mine"], "py_modules.*both `import mine`"),
    ):
        with pytest.raises(PackageError, match=why):
            submit("true", py_modules=[str(library / name) for name in wrong])
    assert list(job.list()) == []
