"""`working_dir` and `py_modules` by remote URIs, from real servers on loopback."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.setup_log import get_setup_log
from jobs_jupyter.models.errors import InvalidRequestError
from tests.jobs import ended, eventually, output, run, running, submit
from tests.noise import noise
from tests.remote_stores import S3, https_server, tarred, zipped


def test_archives_of_s3_are_working_directories_and_modules(service: Path, s3: S3) -> None:
    s3.put("code/app.zip", zipped({"main.py": "import mine; print(mine.NAME)", "data/x.txt": "x"}))
    s3.put("lib.tar.gz", tarred({"mine/__init__.py": "NAME = 'from s3'\n", "mine/tool": "#!/bin/sh\n"}))
    job_id = submit(
        "python main.py; cat data/x.txt; test ! -e mine; touch new",
        working_dir="s3://bucket/code/app.zip",
        py_modules=["s3://bucket/lib.tar.gz"],
    )
    status = ended(job_id)
    assert (status.state, job.get_logs(id=job_id)) == ("SUCCEEDED", "from s3\nx\n"), status.reason
    assert status.config.working_dir == "s3://bucket/code/app.zip", "the config echoes what was submitted"


def test_a_prefix_is_a_directory_and_in_py_modules_a_module(service: Path, s3: S3) -> None:
    for name in ("__init__.py", "deep/__init__.py"):
        s3.put(f"libs/mine/{name}", f"WHERE = {name!r}\n".encode())
    s3.put("libs/mine/empty/", b"")
    s3.put("libs/mine2/no", b"")
    code = "import mine.deep; print(mine.deep.WHERE)"
    assert output(f'python -c "{code}"', py_modules=["s3://bucket/libs/mine"]) == "deep/__init__.py\n"
    listed = output("find . | sort", working_dir="s3://bucket/libs/mine/")
    assert listed.split() == [".", "./__init__.py", "./deep", "./deep/__init__.py", "./empty"]


def test_only_the_environment_of_the_submit_counts(
    service: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("app.zip", zipped({"a": "1\n"}))
    for name in s3.variables():
        monkeypatch.delenv(name)
    assert list(job.list()) == [], "the service has started, without any credentials"
    with pytest.raises(InvalidRequestError, match=r"working_dir='s3://bucket/app\.zip' can't be used"):
        submit("cat a", working_dir="s3://bucket/app.zip")
    for name, value in s3.variables().items():
        monkeypatch.setenv(name, value)
    assert output("cat a", working_dir="s3://bucket/app.zip") == "1\n"
    for name in s3.variables():
        monkeypatch.delenv(name)
    assert output("cat a", working_dir="s3://bucket/app.zip", env_vars=s3.variables()) == "1\n"


def test_what_is_not_there_is_refused_at_submit(service: Path, s3: S3, tmp_path: Path) -> None:
    s3.put("app.zip", zipped({"a": ""}))
    s3.put("notes.txt", b"text")
    refused = {
        "s3://bucket/none.zip": "nothing of that name",
        "s3://bucket/none": "nothing of that name",
        "s3://elsewhere/app.zip": "nothing of that name|NoSuchBucket|bucket does not exist",
        "s3://bucket/notes.txt": "no archive; name a directory",
        f"file://{tmp_path}/none": "nothing of that name",
    }
    for uri, why in refused.items():
        with pytest.raises(InvalidRequestError, match=why) as raised:
            submit("true", working_dir=uri)
        assert f"working_dir={uri!r}" in str(raised.value)
    with pytest.raises(InvalidRequestError, match=r"py_modules='s3://bucket/none\.zip'"):
        submit("true", py_modules=["s3://bucket/app.zip", "s3://bucket/none.zip"])
    s3.put("lib-1.0/x.py", b"")
    with pytest.raises(InvalidRequestError, match=r"py_modules='s3://bucket/lib-1\.0/'.*no Python name"):
        submit("true", py_modules=["s3://bucket/lib-1.0/"])
    with pytest.raises(InvalidRequestError, match="excludes"):
        submit("true", working_dir="s3://bucket/app.zip", excludes=["x"])
    assert list(job.list()) == []
    assert not list(service.glob("jobs/*"))


def test_wrong_credentials_are_refused_at_submit(
    service: Path, s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put("app.zip", zipped({"a": ""}))
    for wrong in (s3.variables(secret="another"), s3.variables(key="AKIANOBODY0000000000")):
        for name, value in wrong.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(InvalidRequestError, match=r"access is denied.*AWS_ACCESS_KEY_ID") as raised:
            submit("true", working_dir="s3://bucket/app.zip")
        assert "s3://bucket/app.zip" in str(raised.value)
        assert "another" not in str(raised.value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InvalidRequestError, match="there are no credentials"):
        submit("true", working_dir="s3://bucket/app.zip")


@pytest.mark.parametrize(("scheme", "library", "extra"), [("gs", "gcsfs", "gs"), ("abfss", "adlfs", "abfs")])
def test_a_missing_library_is_named(service: Path, scheme: str, library: str, extra: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"py_modules.*{library}.*jobs-jupyter\[{extra}\]"):
        submit("true", py_modules=[f"{scheme}://bucket@account/x.zip"])


def test_one_version_is_fetched_once_however_many_ask(service: Path, s3: S3) -> None:
    s3.put("app.zip", zipped({"a": "1\n", "b": noise(3 << 20)}))
    ids = [submit("cat a", working_dir="s3://bucket/app.zip") for _ in range(4)]
    assert {ended(each).state for each in ids} == {"SUCCEEDED"}
    assert s3.count("GET", "/bucket/app.zip") == 1
    s3.put("app.zip", zipped({"a": "2\n"}))
    assert output("cat a", working_dir="s3://bucket/app.zip") == "2\n"
    assert s3.count("GET", "/bucket/app.zip") == 2
    for each in job.list():
        job.delete(id=each.id)
    assert not list(service.glob("packages/manifests/*"))
    assert not list(service.glob("packages/incoming/*"))


def test_all_runs_of_a_job_have_the_same_content(service: Path, s3: S3, tmp_path: Path) -> None:
    s3.put("app.zip", zipped({"a": "1\n"}))
    flag = tmp_path / "go"
    job_id = submit(
        f"cat a; while [ ! -e {flag} ]; do sleep 0.05; done; exit 1",
        working_dir="s3://bucket/app.zip",
        max_retries=1,
    )
    running(job_id)
    s3.put("app.zip", zipped({"a": "2\n"}))
    flag.touch()
    status = ended(job_id)
    assert [job.get_logs(id=job_id, run=each.name) for each in status.runs] == ["1\n", "1\n"]


def queued_behind(flag: Path, **fields: Any) -> str:
    """Submit a job that waits in a queue until the flag is there."""
    queue = {"job_queue_spec": {"name": "one", "idle_timeout_s": 0}}
    submit(f"while [ ! -e {flag} ]; do sleep 0.05; done", job_queue_config=queue)
    return submit("cat a", job_queue_config=queue, **fields)


def test_a_version_of_a_versioned_bucket_is_pinned_at_submit(service: Path, s3: S3, tmp_path: Path) -> None:
    s3.client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    s3.put("app.zip", zipped({"a": "1\n"}))
    job_id = queued_behind(tmp_path / "go", working_dir="s3://bucket/app.zip")
    s3.put("app.zip", zipped({"a": "2\n"}))
    (tmp_path / "go").touch()
    ended(job_id)
    assert job.get_logs(id=job_id) == "1\n"


def test_without_versions_a_newer_one_is_taken_and_said(service: Path, s3: S3, tmp_path: Path) -> None:
    s3.put("app.zip", zipped({"a": "1\n"}))
    job_id = queued_behind(tmp_path / "go", working_dir="s3://bucket/app.zip")
    s3.put("app.zip", zipped({"a": "2\n"}))
    (tmp_path / "go").touch()
    ended(job_id)
    assert "s3://bucket/app.zip has changed since the submit" in get_setup_log(job_id)
    assert job.get_logs(id=job_id) == "2\n"


def test_a_fetch_that_breaks_off_goes_on(service: Path, s3: S3) -> None:
    s3.put("app.zip", zipped({"a": "1\n", "big": noise(20 << 20)}))
    second = f"bytes={8 << 20}-"
    ranges: list[str] = []

    def break_off(environ: dict[str, Any]) -> bytes | None:
        ranges.append(environ.get("HTTP_RANGE", ""))
        refused = ranges[-1].startswith(second) and sum(each.startswith(second) for each in ranges) <= 2
        return b"<Error><Code>Strange</Code><Message>strange</Message></Error>" if refused else None

    s3.trouble = break_off
    job_id = submit("cat a", working_dir="s3://bucket/app.zip")
    status = ended(job_id)
    log = get_setup_log(job_id)
    assert status.state == "SUCCEEDED", f"{status.reason} {log} {ranges}"
    assert re.findall(r"broke off: .*strange.*; again in (\d) s\n", log) == ["1", "2"]
    assert job.get_logs(id=job_id) == "1\n"
    assert ranges.count(f"bytes=0-{(8 << 20) - 1}") == 1, "what was there was not fetched again"


def test_what_goes_between_submit_and_run_fails_the_job(service: Path, s3: S3, tmp_path: Path) -> None:
    s3.put("app.zip", zipped({"a": "1\n"}))
    job_id = queued_behind(tmp_path / "go", working_dir="s3://bucket/app.zip", max_retries=3)
    s3.client.delete_object(Bucket="bucket", Key="app.zip")
    (tmp_path / "go").touch()
    status = ended(job_id)
    assert status.state == "FAILED"
    assert len(status.runs) == 1
    assert str(status.reason).startswith(
        "could not start: working_dir='s3://bucket/app.zip': there is nothing"
    )


def test_a_stop_while_fetching_leaves_nothing(service: Path, s3: S3) -> None:
    s3.put("app.zip", zipped({"a": "1\n", "big": noise(9 << 20)}))
    release, reached = threading.Event(), threading.Event()

    def hold(environ: dict[str, Any]) -> bytes | None:
        if "HTTP_RANGE" in environ:
            reached.set()
            release.wait(30)
        return None

    s3.trouble = hold
    try:
        job_id = submit("cat a", working_dir="s3://bucket/app.zip")
        assert reached.wait(20)
        assert "fetching s3://bucket/app.zip" in str(job.status(id=job_id).reason)
        job.terminate(id=job_id)
        job.wait(id=job_id, state="TERMINATED", timeout_s=5)
    finally:
        release.set()
    eventually(lambda: not list(service.glob("packages/incoming/*")))
    s3.trouble = lambda _: None
    assert output("cat a", working_dir="s3://bucket/app.zip") == "1\n"


def test_a_service_killed_while_fetching_fetches_again(service: Path, s3: S3) -> None:
    from tests.service.test_crash import kill_service

    s3.put("app.zip", zipped({"a": "1\n", "big": noise(9 << 20)}))
    release, reached = threading.Event(), threading.Event()

    def hold(environ: dict[str, Any]) -> bytes | None:
        if "HTTP_RANGE" in environ and not release.is_set():
            reached.set()
            release.wait(30)
        return None

    s3.trouble = hold
    job_id = submit("cat a", working_dir="s3://bucket/app.zip")
    assert reached.wait(20)
    kill_service(service)
    release.set()
    status = ended(job_id)
    assert (status.state, job.get_logs(id=job_id)) == ("SUCCEEDED", "1\n"), status.reason
    assert len(status.runs) == 1
    assert not list(service.glob("packages/incoming/*"))


def test_archives_by_https(service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "served"
    (root / "private").mkdir(parents=True)
    wrapped = {"project-1.0/main.py": "print('wrapped')", "project-1.0/x": ""}
    (root / "app.tar.gz").write_bytes(tarred(wrapped))
    with https_server(root, tmp_path) as (url, variables):
        with pytest.raises(InvalidRequestError, match=r"working_dir=.*certificate"):
            submit("true", working_dir=f"{url}/app.tar.gz")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert (
            output("python main.py; ls", working_dir=f"{url}/app.tar.gz?token=1") == "wrapped\nmain.py\nx\n"
        )
        with pytest.raises(InvalidRequestError, match="nothing of that name"):
            submit("true", working_dir=f"{url}/none.zip")
        with pytest.raises(
            InvalidRequestError, match=r"can't be reached: Connect call failed.*Check the URI"
        ):
            submit("true", working_dir="https://127.0.0.1:9/x.zip")
        with pytest.raises(InvalidRequestError, match="access is denied") as raised:
            submit("true", working_dir=f"{url}/private/x.zip?signature=hidden")
        assert "hidden" not in str(raised.value)


def test_directories_and_archives_of_files(service: Path, tmp_path: Path) -> None:
    source = tmp_path / "a dir"
    (source / "empty").mkdir(parents=True)
    (source / "tool").write_text("#!/bin/sh\necho tool\n")
    (source / "tool").chmod(0o755)
    (source / "link").symlink_to("tool")
    uri = f"file://{source}".replace(" ", "%20")
    assert output("./link; ls; readlink link", working_dir=uri) == "tool\nempty\nlink\ntool\ntool\n"
    (source / "tool").write_text("#!/bin/sh\necho newer\n")
    assert output("./link", working_dir=uri) == "newer\n"
    archive = tmp_path / "app.zip"
    archive.write_bytes(zipped({"a": "1\n"}))
    assert output("cat a", working_dir=f"file://{archive}") == "1\n"
    (source / "out").symlink_to("/etc/passwd")
    status = run("true", working_dir=uri)
    assert status.state == "FAILED"
    assert "leads out" in str(status.reason)


@pytest.mark.parametrize("name", ["app.zip", "app.tar.gz"])
def test_what_is_no_archive_fails_the_job(service: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no archive at all")
    status = run("true", working_dir=f"file://{tmp_path}/{name}", max_retries=2)
    assert status.state == "FAILED"
    assert len(status.runs) == 1
    assert "could not start: working_dir=" in str(status.reason)
    assert "damaged" in str(status.reason)


def test_a_bomb_stops_at_the_limit(service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.tar.gz").write_bytes(tarred({"zeros": "0" * (30 << 20)}))
    monkeypatch.setenv("JOBS_JUPYTER_MAX_PACKAGE_BYTES", str(1 << 20))
    status = run("true", working_dir=f"file://{tmp_path}/app.tar.gz")
    assert "JOBS_JUPYTER_MAX_PACKAGE_BYTES" in str(status.reason)
    assert not list(service.glob("packages/blobs/*/*"))
