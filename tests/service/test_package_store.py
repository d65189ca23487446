"""Copies of packages in a remote store: one service writes them, others run jobs from them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.models.package import package_digest
from tests.conftest import left_over, stop_everything
from tests.jobs import ended, output, run, submit
from tests.remote_stores import S3

PREFIX = "s3://bucket/kept/packages"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with all that a package can hold, which is one directory at its top."""
    root = tmp_path / "source"
    (root / "src" / "empty").mkdir(parents=True)
    (root / "src" / "tool").write_text("#!/bin/sh\necho tool\n")
    (root / "src" / "tool").chmod(0o755)
    (root / "src" / "link").symlink_to("tool")
    with open(os.fsencode(root / "src") + b"/\xff", "w"):
        pass
    return root


def test_another_service_runs_a_job_from_the_copy(
    service: Path, s3: S3, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_PACKAGE_STORE", PREFIX)
    (source.parent / "mine").mkdir()
    (source.parent / "mine" / "__init__.py").write_text("NAME = 'mine'\n")
    status = run("src/link", working_dir=str(source), py_modules=[str(source.parent / "mine")])
    assert status.state == "SUCCEEDED", status.reason
    assert status.config.working_dir is not None
    assert status.config.py_modules is not None
    named = [status.config.working_dir, *status.config.py_modules]
    uris = [f"{PREFIX}/{package_digest(uri)}.tar.gz" for uri in named]
    assert sorted(s3.names()) == sorted(uri.removeprefix("s3://bucket/") for uri in uris)
    before = list(s3.requests)
    assert run("true", working_dir=str(source)).state == "SUCCEEDED"
    assert s3.requests == before, "it is there, and known to be"
    client_service.stop()

    monkeypatch.delenv("JOBS_JUPYTER_PACKAGE_STORE")
    with tempfile.TemporaryDirectory(prefix="jj-", dir="/tmp") as other:
        monkeypatch.setenv("JOBS_JUPYTER_HOME", f"{other}/home")
        try:
            job_id = submit(
                "src/link; ls -A src | cat -v; python -c 'import mine; print(mine.NAME)'",
                working_dir=uris[0],
                py_modules=uris[1:],
            )
            ended(job_id)
            expected = "tool\nempty\nlink\ntool\nM-^?\nmine\n"
            assert sorted(job.get_logs(id=job_id).split()) == sorted(expected.split())
        finally:
            stop_everything()
        assert not left_over(Path(other))
    monkeypatch.setenv("JOBS_JUPYTER_HOME", str(service))


def test_a_copy_that_is_there_is_not_written_again(
    service: Path, s3: S3, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_PACKAGE_STORE", PREFIX)
    assert run("true", working_dir=str(source)).state == "SUCCEEDED"
    for each in job.list():
        job.delete(id=each.id)
    s3.requests.clear()
    assert run("true", working_dir=str(source)).state == "SUCCEEDED"
    assert not [method for method, _ in s3.requests if method not in ("HEAD", "GET")]


def test_a_store_that_can_t_be_written_fails_the_job(
    service: Path, s3: S3, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_PACKAGE_STORE", PREFIX)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    status = run("true", working_dir=str(source), max_retries=2)
    assert status.state == "FAILED"
    assert len(status.runs) == 1
    assert f"could not start: package_store='{PREFIX}': access is denied" in str(status.reason)
    assert run("true").state == "SUCCEEDED", "a job without a package needs no store"


def test_a_directory_as_the_store(
    service: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_PACKAGE_STORE", f"file://{tmp_path}/kept/")
    status = run("true", working_dir=str(source))
    assert status.config.working_dir is not None
    name = f"{package_digest(status.config.working_dir)}.tar.gz"
    assert [each.name for each in (tmp_path / "kept").iterdir()] == [name]
    assert output("src/tool", working_dir=f"file://{tmp_path}/kept/{name}") == "tool\n"
