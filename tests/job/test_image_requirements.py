"""`requirements` with an image: they are installed on top of it, once."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pip
import pytest

from jobs_jupyter import job
from jobs_jupyter.job.setup_log import get_setup_log
from jobs_jupyter.models.errors import InvalidRequestError, UnsupportedError
from tests.cli.program import cli
from tests.engine import IMAGE, Engine
from tests.jobs import ended, eventually, output, run, submit
from tests.service.test_crash import kill_service
from tests.wheels import Index, index, wheel

PYTHON = "localhost/jj-python-pip:1"
SHOW = "python -c 'import one, shared; print(one.VERSION, shared.VERSION)'"
LOGIN = "somebody:correct-horse"


@pytest.fixture(scope="module")
def images(engine_root: Engine) -> Engine:
    """An image with Python and pip."""
    engine_root.make_python(PYTHON, pip)
    return engine_root


@pytest.fixture
def podman(images: Engine, podman: Engine) -> Iterator[Engine]:
    """Without the images that a test has made."""
    yield podman
    for image in made(podman):
        podman.output("rmi", "--force", image)


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.jobs.WITHIN_S", 120.0)  # the tests' engine copies an image for each container
    for tool in ("PIP", "UV"):
        for name in ("FIND_LINKS", "INDEX_URL", "EXTRA_INDEX_URL", "DEFAULT_INDEX"):
            monkeypatch.delenv(f"{tool}_{name}", raising=False)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index that wants a login, which the submitter's environment has."""
    folder = tmp_path / "wheels"
    wheel(folder, "one", "1.0", requires=["shared>=1"], program="one-says")
    wheel(folder, "shared", "2.0")
    with index(folder, login=LOGIN) as served:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://{LOGIN}@{served.host}/simple")
        yield served


def made(podman: Engine) -> list[str]:
    return podman.output("images", "--quiet", "localhost/jobs-jupyter-requirements").split()


def test_they_are_installed_on_top_of_it_once(service: Path, podman: Engine, packages: Index) -> None:
    fields = {"image_uri": PYTHON, "requirements": ["one"]}
    jobs = [submit(f"{SHOW}; one-says", **fields) for _ in range(3)]
    assert [ended(job_id).state for job_id in jobs] == ["SUCCEEDED"] * 3
    assert all(job.get_logs(id=each).splitlines()[-2:] == ["1.0 2.0", "one 1.0"] for each in jobs)
    asked = len(packages.asked)
    assert len([path for path in packages.asked if path.endswith("one-1.0-py3-none-any.whl")]) == 1
    assert output(SHOW, **fields) == "1.0 2.0\n"
    assert len(packages.asked) == asked
    assert len(made(podman)) == 1
    # the image itself is as it was
    assert run("python -c 'import one'", image_uri=PYTHON).exit_code == 1


def test_no_login_is_left_in_it(
    service: Path, podman: Engine, packages: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.setenv("TOKEN", LOGIN.partition(":")[2])
    monkeypatch.setenv("https_proxy", "http://me:proxy-password@127.0.0.1:9")
    (tmp_path / "reqs.txt").write_text(
        f"--index-url http://somebody:${{TOKEN}}@{packages.host}/simple\none\n"
    )
    job_id = submit(SHOW, image_uri=PYTHON, requirements=str(tmp_path / "reqs.txt"))
    assert ended(job_id).state == "SUCCEEDED", job.get_logs(id=job_id)
    log = get_setup_log(job_id) + job.get_logs(id=job_id)
    assert "1.0 2.0" in log
    (image,) = made(podman)
    saved = tmp_path / "image.tar"
    podman.output("save", "--output", str(saved), image)
    about = podman.output("inspect", image) + podman.output("history", "--no-trunc", image)
    for secret in ("correct-horse", "proxy-password"):
        assert secret not in log
        assert secret not in about
        assert secret.encode() not in saved.read_bytes()
    assert not list(service.glob("environments/images/builds/*"))


def test_files_come_along_on_top_of_a_containerfiles_image(
    service: Path, podman: Engine, packages: Index, tmp_path: Path
) -> None:
    own = wheel(tmp_path / "dist", "own", "3.0")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["shared"]\n')
    text = f"--no-index\n--find-links wheels\n-r pyproject.toml\n./dist/{own.name}\none\n"
    (tmp_path / "reqs.txt").write_text(text)
    (tmp_path / "Containerfile").write_text(f"FROM {PYTHON}\nENV MINE=yes\n")
    show = "python -c 'import one, own; print(one.VERSION, own.VERSION)'; echo $MINE"
    files = {"containerfile": str(tmp_path / "Containerfile"), "requirements": str(tmp_path / "reqs.txt")}
    assert output(show, **files).endswith("1.0 3.0\nyes\n")
    assert packages.asked == []


def test_an_image_that_lacks_something(service: Path, podman: Engine, tmp_path: Path) -> None:
    status = run("true", image_uri=IMAGE, requirements=["one"], max_retries=2)
    assert status.reason == (
        f"could not start: requirements can't be installed on top of image_uri='{IMAGE}': "
        "the image has no Python. Use an image that has both, such as python:3.12-slim, "
        "or install them in a containerfile"
    )
    assert len(status.runs) == 1
    script = "echo exit 1 > /bin/python; chmod +x /bin/python"
    (tmp_path / "Containerfile").write_text(f"FROM {IMAGE}\nRUN {script}\n")
    status = run("true", containerfile=str(tmp_path / "Containerfile"), requirements=["one"])
    assert "on top of the containerfile's image: the image has no pip. Use" in (status.reason or "")
    assert made(podman) == []


def test_what_can_not_be_installed_is_the_reason(service: Path, podman: Engine, packages: Index) -> None:
    status = run("true", image_uri=PYTHON, requirements=["nothing-of-this-name"])
    assert status.state == "FAILED"
    assert "on top of image_uri='localhost/jj-python-pip:1': Could not find a version" in (
        status.reason or ""
    )
    for requirements in (["not a requirement"], ["numpy=1.26"]):
        with pytest.raises(InvalidRequestError):
            submit("true", image_uri=PYTHON, requirements=requirements)
    with pytest.raises(UnsupportedError, match="py_executable is for this machine's Python"):
        submit("true", image_uri=PYTHON, py_executable="python -X dev")


def test_a_service_that_is_killed_while_it_installs(service: Path, podman: Engine, packages: Index) -> None:
    job_id = submit(SHOW, image_uri=PYTHON, requirements=["one"])
    eventually(lambda: packages.asked)
    kill_service(service)
    assert ended(job_id).state == "SUCCEEDED"
    assert job.get_logs(id=job_id).endswith("1.0 2.0\n")
    eventually(lambda: not list(service.glob("environments/images/builds/*")))


def test_one_that_is_not_used_is_deleted(
    service: Path, podman: Engine, packages: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_RETENTION_ENVIRONMENTS_MAX_SIZE", "1")
    output(SHOW, image_uri=PYTHON, requirements=["one"])
    cleared = json.loads(cli("gc", "--json").stdout)
    assert cleared["deleted"] == []  # it was used just now
    (record,) = service.glob("environments/images/*.json")
    os.utime(record, (1, 1))
    active = submit("sleep 600", image_uri=PYTHON, requirements=["one"])
    job.wait(id=active, state="RUNNING", timeout_s=120)
    os.utime(record, (1, 1))
    assert json.loads(cli("gc", "--json").stdout)["deleted"] == []  # and now it is in use
    job.terminate(id=active)
    ended(active)
    (deleted,) = json.loads(cli("gc", "--json").stdout)["deleted"]
    assert (deleted["kind"], deleted["name"]) == ("image", "one")
    assert made(podman) == []
    assert output(SHOW, image_uri=PYTHON, requirements=["one"]).endswith("1.0 2.0\n")
