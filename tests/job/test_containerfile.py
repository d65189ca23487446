"""`containerfile`: an image of the job's own, built once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.setup_log import get_setup_log
from jobs_jupyter.models.errors import PackageError, UnsupportedError
from jobs_jupyter.models.paths import StatePaths
from tests.engine import IMAGE, Engine
from tests.jobs import ended, eventually, output, run, submit
from tests.remote_stores import zipped
from tests.service.test_crash import kill_service


@pytest.fixture
def podman(podman: Engine) -> Iterator[Engine]:
    """Without the images that a test has built."""
    yield podman
    for image in built(podman):
        podman.output("rmi", "--force", image)


def built(podman: Engine) -> list[str]:
    return podman.output("images", "--quiet", "localhost/jobs-jupyter").split()


def write(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "Containerfile").write_text(f"FROM {IMAGE}\n{text}\n")
    return str(folder / "Containerfile")


def test_it_is_read_at_submit_and_built_once(service: Path, podman: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "one", "RUN echo made > /made")
    first = submit("cat /made", containerfile=path)
    write(tmp_path / "one", "RUN false")
    assert ended(first).state == "SUCCEEDED"
    assert "STEP 2/2: RUN echo made" in get_setup_log(first)
    assert job.get_logs(id=first) == "made\n"
    same = write(tmp_path / "two", "RUN echo made > /made")
    assert output("cat /made", containerfile=same) == "made\n"
    assert len(built(podman)) == 1


def test_many_at_once_build_it_once(service: Path, podman: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "one", "RUN sleep 1; echo made > /made")
    jobs = [submit("cat /made", containerfile=path) for _ in range(3)]
    assert [ended(job_id).state for job_id in jobs] == ["SUCCEEDED"] * 3
    assert sum("STEP 2/2" in get_setup_log(job_id) for job_id in jobs) == 1
    assert {job.get_logs(id=job_id) for job_id in jobs} == {"made\n"}


def test_it_copies_from_the_working_directory(service: Path, podman: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "files", "COPY data /data")
    folder = tmp_path / "work"
    (folder / ".jobs_jupyter").mkdir(parents=True)
    (folder / "data").write_text("one\n")
    (folder / ".jobs_jupyter" / "cell.py").write_text("1")
    fields = {"containerfile": path, "working_dir": str(folder)}
    assert output("cat /data", **fields).endswith("one\n")
    (folder / ".jobs_jupyter" / "cell.py").write_text("2")  # another cell, the same files
    assert output("cat /data", **fields) == "one\n"
    (folder / "data").write_text("two\n")
    assert output("cat /data", **fields).endswith("two\n")
    assert len(built(podman)) == 2


def test_a_build_that_fails(service: Path, podman: Engine, tmp_path: Path) -> None:
    path = write(tmp_path, "RUN echo 'no such thing' >&2; exit 9")
    status = run("true", containerfile=path, max_retries=3)
    assert status.state == "FAILED"
    assert status.reason is not None
    assert status.reason.startswith("could not start: the image of the containerfile could not be built: ")
    assert "exit status 9" in status.reason
    assert len(status.runs) == 1
    assert "no such thing" in job.get_logs(id=status.id)


def test_a_stop_while_it_is_built(service: Path, podman: Engine, tmp_path: Path) -> None:
    job_id = submit("true", containerfile=write(tmp_path, "RUN echo begun; sleep 600"))
    eventually(lambda: "begun" in get_setup_log(job_id))
    assert job.status(id=job_id).reason == "building the image of the containerfile"
    job.terminate(id=job_id)
    assert ended(job_id).state == "TERMINATED"


def test_a_service_that_is_killed_while_it_builds(service: Path, podman: Engine, tmp_path: Path) -> None:
    job_id = submit("cat /made", containerfile=write(tmp_path, "RUN echo begun; sleep 2; echo made > /made"))
    eventually(lambda: "begun" in get_setup_log(job_id))
    kill_service(service)
    assert ended(job_id).state == "SUCCEEDED"
    paths = StatePaths(service).job(job_id).run(job.status(id=job_id).runs[0].name)
    assert not paths.context.exists()


def test_ray_of_an_image(service: Path, podman: Engine) -> None:
    status = run("true", image_uri=IMAGE, ray_version="2.9.0")
    assert status.reason == (
        "could not start: ray_version='2.9.0', but the image has no ray that its python can import; "
        "use an image that has it"
    )


def test_what_can_not_be_is_refused(service: Path, podman: Engine, tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"containerfile='.*none' can't be read: No such file"):
        submit("true", containerfile=str(tmp_path / "none"))
    with pytest.raises(UnsupportedError, match=r"containerfile='s3://a/b' is a remote URI"):
        submit("true", containerfile="s3://a/b")
    assert list(job.list()) == []


def test_it_copies_from_a_remote_working_directory(service: Path, podman: Engine, tmp_path: Path) -> None:
    path = write(tmp_path / "one", "COPY data /data")
    (tmp_path / "app.zip").write_bytes(zipped({"data": "of the archive\n", "other": ""}))
    shown = output("cat /data; ls", containerfile=path, working_dir=f"file://{tmp_path}/app.zip")
    assert shown.endswith("of the archive\ndata\nother\n")
