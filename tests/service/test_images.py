"""Images from a registry that wants a login, by Podman and by Docker's client."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter import secret
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.errors import JobsError, SecretNotFoundError, UnsupportedError
from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.service import engines
from jobs_jupyter.service.launch import Launch
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress, Setup
from jobs_jupyter.service.preparation.images import Images
from jobs_jupyter.service.preparation.registry_login import Login
from tests.engine import IMAGE, Engine
from tests.jobs import eventually, output, run, submit
from tests.registry import PASSWORD, USER


@pytest.fixture
def docker(podman: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Docker's client, with a Podman that answers as Docker's daemon would."""
    if (program := shutil.which("docker")) is None:
        pytest.skip("no docker: the client of Docker is not installed")
    place = podman.root / "docker.sock"
    command = ["podman", "system", "service", "--time", "0", f"unix://{place}"]
    daemon = subprocess.Popen(command, env={**os.environ, **podman.variables})
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
    eventually(place.exists)
    yield program
    daemon.terminate()
    daemon.wait(20)
    place.unlink(missing_ok=True)


def pulled(home: Path, image: str, login: Login | None, engine: str) -> tuple[Setup, str]:
    """Prepare a run of a job with the image; returns what was made, and its log."""
    paths = StatePaths(home)
    asked: list[str] = []

    def known(name: str) -> Login:
        asked.append(name)
        assert login is not None
        return login

    async def said(_: str) -> None:
        assert not own.login.exists()

    async def hide(values: list[str]) -> None:
        assert login is not None
        assert values == [login.password]
        assert not own.setup.exists(), "it is hidden before anything is written"

    images = Images(paths, PackageFiles(paths), engine=engine, login=known if login else None)
    named = "team" if login else None
    config = JobConfig(entrypoint="true", image_uri=image, registry_login_secret=named)
    launch = Launch("job", "job", "run", 1, 1, "boot", config, None, False)
    own, setup = paths.job("job").run("run"), Setup(None)
    own.root.mkdir(parents=True, exist_ok=True)
    try:
        asyncio.run(images.prepare(launch, own, setup, Progress(own.setup, said, hide)))
    finally:
        assert not own.login.exists()
        written = own.setup.read_text()
        assert PASSWORD not in written
    assert set(asked) == ({"team"} if login else set())
    assert setup.masks == ([login.password] if login else [])
    return setup, written


@pytest.mark.parametrize("program", ["podman", "docker"])
def test_a_login(
    home: Path, private: str, podman: Engine, program: str, request: pytest.FixtureRequest
) -> None:
    if program == "docker":
        request.getfixturevalue("docker")
    setup, _ = pulled(home, private, Login(USER, PASSWORD), program)
    assert setup.container is not None
    there = podman.output("image", "inspect", "--format", "{{.Id}}", private).strip()
    assert setup.container.image.removeprefix("sha256:") == there


@pytest.mark.parametrize("program", ["podman", "docker"])
def test_a_wrong_password(
    home: Path, private: str, podman: Engine, program: str, request: pytest.FixtureRequest
) -> None:
    if program == "docker":
        request.getfixturevalue("docker")
    address = private.partition("/")[0]
    said = f"{address} does not accept the login of the secret 'team'; set it again with jupyter jobs secret"
    with pytest.raises(JobsError, match=said) as refused:
        pulled(home, private, Login(USER, "wrong password"), program)
    assert "wrong password" not in str(refused.value)


def test_a_job_with_a_secret(service: Path, private: str, podman: Engine) -> None:
    with pytest.raises(SecretNotFoundError, match="'team'"):
        submit("true", image_uri=private, registry_login_secret="team")
    secret.set("team", PASSWORD)
    with pytest.raises(UnsupportedError, match=r"registry_login_secret='team' has no user name"):
        submit("true", image_uri=private, registry_login_secret="team")
    secret.set("team", PASSWORD, username=USER)
    assert output("echo $OF_IMAGE", image_uri=private, registry_login_secret="team") == "yes\n"
    podman.output("rmi", "--force", private)
    secret.set("team", "wrong password", username=USER)
    status = run("true", image_uri=private, registry_login_secret="team", max_retries=3)
    assert status.reason is not None
    assert "does not accept the login of the secret 'team'" in status.reason
    assert len(status.runs) == 1


def test_no_login(home: Path, private: str, podman: Engine) -> None:
    with pytest.raises(JobsError, match=r"wants a login, .*registry_login_secret"):
        pulled(home, private, None, "podman")


def test_a_run_by_dockers_client(
    service: Path, docker: str, podman: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JOBS_JUPYTER_CONTAINER_ENGINE", docker)
    command = "echo $MINE; echo err >&2; echo made > made; sleep 1; exit 0"
    assert output(command, image_uri=IMAGE, env_vars={"MINE": "it's\nmine"}) == "it's mine\nerr\n"
    path = tmp_path / "Containerfile"
    path.write_text(f"FROM {IMAGE}\nRUN echo made > /made\n")
    assert output("cat /made", containerfile=str(path)).endswith("made\n")
    for image in podman.output("images", "--quiet", "localhost/jobs-jupyter").split():
        podman.output("rmi", "--force", image)
    assert engines.find(docker).kind == "docker"
