"""`requirements`: what a job finds beside what its interpreter has."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.client.http import client
from jobs_jupyter.job.setup_log import get_setup_log
from jobs_jupyter.models.errors import InvalidRequestError, PackageError, UnsupportedError
from jobs_jupyter.models.programs import find_uv
from tests.jobs import MORTAL, ended, eventually, output, run, submit
from tests.wheels import Index, index, wheel

NO_INDEX = {
    f"{tool}_{name}": "" for tool in ("PIP", "UV") for name in ("FIND_LINKS", "INDEX_URL", "EXTRA_INDEX_URL")
}
SHOW = "python -c 'import {0}; print({0}.VERSION)'"


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    """Wheels that need each other."""
    folder = tmp_path / "wheels"
    wheel(folder, "one", "1.0", requires=["shared>=1"], program="one-says")
    wheel(folder, "shared", "1.0")
    wheel(folder, "shared", "2.0")
    wheel(folder, "modern", "1.0", requires=["shared>=2"])
    return folder


@pytest.fixture
def packages(wheels: Path) -> Iterator[Index]:
    with index(wheels) as made:
        yield made


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No index, and no cache, but this test's own."""
    for name in NO_INDEX:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.fixture
def base(tmp_path: Path, wheels: Path) -> Path:
    """An interpreter that has shared 1.0."""
    uv = find_uv()
    assert uv
    place = tmp_path / "base"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(place)], check=True)
    command = [uv, "pip", "install", "-q", "--python", str(place), "--no-index", "--find-links", str(wheels)]
    subprocess.run([*command, "shared==1.0"], check=True)
    return place / "bin" / "python"


def test_a_list(service: Path, packages: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    log = output(f"{SHOW.format('one')}; one-says; {SHOW.format('pydantic')}", requirements=["one==1.0"])
    assert log.splitlines()[:2] == ["1.0", "one 1.0"]  # and what the notebook has is there, too
    setup = get_setup_log(next(iter(job.list())).id)
    assert setup.startswith("Making an environment with one\n")
    asked = len(packages.asked)

    # the next job with the same is not held up, and says nothing of it
    assert output(SHOW.format("one"), requirements=["one==1.0"]) == "1.0\n"
    assert len(packages.asked) == asked


def test_a_file_with_all_that_it_includes(service: Path, packages: Index, tmp_path: Path, base: Path) -> None:
    (tmp_path / "project" / "more").mkdir(parents=True)
    (tmp_path / "project" / "reqs.txt").write_text(
        f"--index-url {packages.url}\n-r more/base.in  # relative to this file\n-c more/limits.txt\n"
    )
    (tmp_path / "project" / "more" / "base.in").write_text(
        "modern; \\\n  python_version > '3'\n-c limits.txt\n"
    )
    limits = tmp_path / "project" / "more" / "limits.txt"
    limits.write_text("shared<3\n")
    file = str(tmp_path / "project" / "reqs.txt")
    job_id = submit(SHOW.format("shared"), requirements=file, py_executable=str(base))
    limits.unlink()  # what was submitted is not changed by that
    status = ended(job_id)
    assert job.get_logs(id=job_id).splitlines()[-1] == "2.0", job.get_logs(id=job_id)
    assert str(status.config.requirements).startswith("package://sha256/")
    assert str(status.config.requirements).endswith("/requirements.txt")
    limits.write_text("shared<2\n")
    status = run("true", requirements=file, py_executable=str(base))
    assert status.state == "FAILED"
    assert "shared" in (status.reason or "")


def test_a_local_wheel_is_taken_along(service: Path, tmp_path: Path, wheels: Path) -> None:
    file = tmp_path / "reqs.txt"
    file.write_text(
        f"--no-index\n./wheels/shared-2.0-py3-none-any.whl\none @ file://{wheels}/one-1.0-py3-none-any.whl\n"
    )
    job_id = submit(f"sleep 0; {SHOW.format('shared')}; one-says", requirements=str(file))
    log = job.get_logs(id=ended(job_id).id)
    assert log.splitlines()[-2:] == ["2.0", "one 1.0"], log


@pytest.mark.parametrize(
    "named",
    [
        "shared-2.0-py3-none-any.whl",
        "./shared-2.0-py3-none-any.whl",
        "../wheels/shared-2.0-py3-none-any.whl",
        "{0}/shared-2.0-py3-none-any.whl ; python_version > '3'",
        "shared @ file://{0}/shared-2.0-py3-none-any.whl",
    ],
)
def test_a_wheel_in_a_list(service: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.chdir(wheels)
    job_id = submit(f"sleep 0.2; {SHOW.format('shared')}", requirements=[named.format(wheels)])
    (wheels / "shared-2.0-py3-none-any.whl").unlink()
    assert ended(job_id).state == "SUCCEEDED", job.get_logs(id=job_id)
    assert job.get_logs(id=job_id).splitlines()[-1] == "2.0"


def test_a_file_in_a_list(
    service: Path, packages: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["one"]\n')
    (tmp_path / "requirements.lock").write_bytes("shared==2.0\r\n".encode("utf-16"))
    shown = f"{SHOW.format('shared')}; {SHOW.format('modern')}; one-says"
    wanted = ["modern", "pyproject.toml", "requirements.lock"]
    assert output(shown, requirements=wanted).splitlines()[-3:] == ["2.0", "1.0", "one 1.0"]
    asked = " ".join(packages.asked)
    assert "pyproject" not in asked
    assert "requirements" not in asked


@pytest.mark.parametrize("word", ["pyproject.toml", "requirements.lock", "dev/base", "nowhere.yml"])
def test_a_file_is_never_asked_of_an_index(
    service: Path, packages: Index, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    wheel(wheels, word.replace("/", "-"), "1.0", program="stranger")
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    monkeypatch.chdir(tmp_path)
    for wanted in (word, [word], ["one", word]):
        with pytest.raises(
            FileNotFoundError, match=f"the file .*{word}.*No such file|there is no file .*{word}"
        ):
            submit("stranger", requirements=wanted)
    # nor where a client sends it as it is
    body = {"config": {"entrypoint": "true", "requirements": [word], "max_retries": 0}}
    with pytest.raises(InvalidRequestError, match=f"requirements has the path '{word}'"):
        client.json("POST", "/v1/jobs", body=body)
    assert packages.asked == []


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_bare_urls(service: Path, packages: Index, tmp_path: Path) -> None:
    repository = tmp_path / "a repository"
    repository.mkdir()
    (repository / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "kept"\nversion = "3.0"\n'
    )
    made = wheel(tmp_path / "made", "kept", "3.0")
    shutil.copy(made, repository / "made.whl")
    (repository / "backend.py").write_text(
        "import shutil\ndef build_wheel(place, *_):\n"
        f"    return shutil.copy('made.whl', place + '/{made.name}') and '{made.name}'\n"
    )
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=repository, check=True)
    wanted = [f"http://{packages.host}/files/shared-2.0-py3-none-any.whl", f"git+{repository.as_uri()}"]
    log = output(f"{SHOW.format('shared')}; {SHOW.format('kept')}", requirements=wanted)
    assert log.splitlines()[-2:] == ["2.0", "3.0"]
    setup = get_setup_log(next(iter(job.list())).id)
    assert setup.startswith("Making an environment with shared-2.0-py3-none-any.whl, a%20repository\n")
    (tmp_path / "reqs.txt").write_text("\n".join(wanted))
    assert output(SHOW.format("kept"), requirements=str(tmp_path / "reqs.txt")).endswith("3.0\n")


def test_condas_spelling_is_refused_at_once(service: Path) -> None:
    for wanted, why in ((["numpy=1.26"], r"write 'numpy==1\.26\.\*'"), (["- numpy"], "a line for conda")):
        with pytest.raises(InvalidRequestError, match=why):
            submit("true", requirements=wanted)
    assert list(job.list()) == []


def test_hashes_are_checked(service: Path, tmp_path: Path, packages: Index) -> None:
    import hashlib

    digest = hashlib.sha256((tmp_path / "wheels" / "shared-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    file = tmp_path / "reqs.txt"
    file.write_text(f"-i {packages.url}\nshared==2.0 --hash=sha256:{digest}\n")
    assert output(SHOW.format("shared"), requirements=str(file)).endswith("2.0\n")
    file.write_text(f"-i {packages.url}\nshared==2.0 --hash=sha256:{'0' * 64}\n")
    status = run("true", requirements=str(file))
    assert status.state == "FAILED"
    assert "ash" in job.get_logs(id=status.id)


def test_what_the_interpreter_has_is_not_installed_again(
    service: Path, packages: Index, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    where = "python -c 'import shared; print(shared.VERSION, shared.__file__)'"
    version, place = output(f"{where}; one-says", requirements=["one"], py_executable=str(base)).split()[
        -4:-2
    ]
    assert version == "1.0"
    assert place.startswith(str(base.parent.parent))
    assert not [path for path in packages.asked if path.startswith("/files/shared") and path.endswith(".whl")]


def test_what_no_index_has_can_be_there(
    service: Path, packages: Index, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    wheel(tmp_path / "private", "own-lib", "0.1", requires=["shared"])
    wheel(tmp_path / "private", "shared", "1.5+local")
    uv, links = find_uv() or "", str(tmp_path / "private")
    command = [uv, "pip", "install", "-q", "--python", str(base), "--no-index", "-f", links]
    subprocess.run([*command, "own-lib", "shared==1.5+local"], check=True)
    wheel(tmp_path / "wheels", "plugin", "1.0", requires=["own_lib>=0.1", "shared>=1"])
    status = run(
        f"{SHOW.format('shared')}; {SHOW.format('plugin')}", requirements=["plugin"], py_executable=str(base)
    )
    log = job.get_logs(id=status.id)
    assert log.splitlines()[-2:] == ["1.5+local", "1.0"], log
    assert status.notices is None
    (made,) = service.glob("environments/builds/*/venv/lib/python*/site-packages")
    assert not list(made.glob("shared*")) + list(made.glob("own_lib*"))


def test_a_requirement_that_contradicts_wins_and_is_said(
    service: Path, packages: Index, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    status = run(SHOW.format("shared"), requirements=["modern"], py_executable=str(base))
    assert job.get_logs(id=status.id).splitlines()[-1] == "2.0"
    assert status.notices == ["shared 1.0 here, 2.0 in the job"]
    assert (
        subprocess.run(
            [base, "-c", "import shared; print(shared.VERSION)"], capture_output=True, check=True
        ).stdout
        == b"1.0\n"
    )


def test_what_the_user_installs_later_is_found(
    service: Path, packages: Index, base: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    show = SHOW.format("shared")
    assert output(show, requirements=["one"], py_executable=str(base)).endswith("1.0\n")
    command = [
        find_uv() or "",
        "pip",
        "install",
        "-q",
        "--python",
        str(base),
        "--no-index",
        "-f",
        str(wheels),
    ]
    subprocess.run([*command, "shared==2.0"], check=True)
    assert output(show, requirements=["one"], py_executable=str(base)).endswith("2.0\n")
    assert len(list(service.glob("environments/*.json"))) == 2


def test_arguments_of_the_interpreter_stay(
    service: Path, packages: Index, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    show = "python -c 'import sys, one; print(sys.flags.optimize, one.VERSION)'"
    assert output(f"{show}; one-says", requirements=["one"], py_executable=f"{base} -O").endswith(
        "1 1.0\none 1.0\n"
    )


def test_a_failed_build(service: Path, packages: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    status = run("echo never", requirements=["shared>7", "one"], max_retries=3)
    assert (status.state, len(status.runs), status.runs[0].state) == ("FAILED", 1, "FAILED")
    assert (status.reason or "").startswith(
        "could not start: requirements can't be installed: No solution found"
    )
    assert "shared>7" in (status.reason or "")
    log = job.get_logs(id=status.id)
    assert "cause: Because only shared<=2.0 is available and you require shared>7" in log
    assert "never" not in log
    assert not list(service.glob("environments/builds/*"))


def test_a_token_is_the_submitter_s_and_is_never_shown(
    service: Path, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_TOKEN", "s3cr3t-t0k3n")
    file = tmp_path / "reqs.txt"
    with index(wheels, "me:s3cr3t-t0k3n") as private:
        file.write_text(f"--index-url http://me:${{INDEX_TOKEN}}@{private.host}/simple\none\n")
        good = run("one-says", requirements=str(file))
        assert job.get_logs(id=good.id).splitlines()[-1] == "one 1.0"
        file.write_text(
            f"--index-url http://me:${{INDEX_TOKEN}}@{private.host}/simple\nnosuch-s3cr3t-t0k3n\n"
        )
        monkeypatch.setenv("INDEX_TOKEN", "0ld-s3cr3t")
        bad = run("true", requirements=str(file))
        assert bad.state == "FAILED"
    for path in service.rglob("*"):
        if path.is_file():
            assert b"0ld-s3cr3t" not in path.read_bytes(), path
            if "blobs" not in path.parts:
                assert b"s3cr3t-t0k3n" not in path.read_bytes().replace(b"nosuch-s3cr3t-t0k3n", b""), path


def test_offline_with_a_warm_cache(
    service: Path, wheels: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with index(wheels) as packages:
        monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
        output("one-says", requirements=["one"], py_executable=str(base))
    # another environment, of the same wheels, from an index that is gone
    log = output("one-says", requirements=["one", "shared"], py_executable=str(base))
    assert log.endswith("one 1.0\n")


def test_ten_jobs_at_once_build_once_and_all_see_it(
    service: Path, packages: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    nothing = {"compute_config": None}
    ids = [submit("one-says", requirements=["one", "modern"], **nothing) for _ in range(10)]
    logs = [job.get_logs(id=ended(job_id).id) for job_id in ids]
    assert {log.splitlines()[-1] for log in logs} == {"one 1.0"}
    assert (
        len([path for path in packages.asked if path.startswith("/files/one") and path.endswith(".whl")]) <= 2
    )
    assert len(list(service.glob("environments/builds/*"))) == 1


def test_a_service_killed_in_a_build_builds_again(
    service: Path, wheels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json
    import signal
    import threading

    from jobs_jupyter.client import service as client_service

    with index(wheels) as packages:
        monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
        answers = threading.Event()
        served = packages.server.finish_request

        def slow(*arguments: object) -> None:
            answers.wait(20)
            served(*arguments)  # type: ignore[arg-type]

        packages.server.finish_request = slow  # type: ignore[method-assign,assignment]
        job_id = submit("one-says", requirements=["one"])
        eventually(lambda: "building environment" in (job.status(id=job_id).reason or ""))
        eventually(lambda: list(service.glob("environments/builds/*/venv/bin/python")))
        first = list(service.glob("environments/builds/*"))
        os.kill(json.loads((service / "service.json").read_text())["pid"], signal.SIGKILL)
        answers.set()
        assert not list(service.glob("environments/*.json"))
        client_service.ensure()
        assert job.get_logs(id=ended(job_id).id).splitlines()[-1] == "one 1.0"
    eventually(lambda: not first[0].exists())
    assert len(list(service.glob("environments/builds/*"))) == 1


def test_stopped_while_it_builds(service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes requests, and never answers
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        job_id = submit("true", requirements=["one"])
        eventually(lambda: job.status(id=job_id).reason == "building environment: resolving")
        job.terminate(id=job_id)
        assert ended(job_id).state == "TERMINATED"
        eventually(lambda: not list(service.glob("environments/builds/*")))


def test_what_can_not_be_installed_is_refused_by_name(service: Path, tmp_path: Path) -> None:
    file = tmp_path / "reqs.txt"
    (tmp_path / "project").mkdir()
    file.write_text("numpy\n-e ./project\n")
    (tmp_path / "circle.txt").write_text("-r round.txt\n")
    (tmp_path / "round.txt").write_text("-r circle.txt\n")
    wrong: list[tuple[str | list[str], str, type[Exception]]] = [
        (["numpy>=2", "not a requirement"], "requirements has 'not a requirement'", InvalidRequestError),
        (["--index-url http://x"], "requirements has '--index-url", InvalidRequestError),
        (["./nowhere"], "requirements: the list has './nowhere', and there is no file", PackageError),
        ([str(tmp_path / "project")], "requirements: the list has .*, a directory.*py_modules", PackageError),
        (
            ["x @ file:///nowhere/x.whl"],
            "the list has .*, and there is no file '/nowhere/x.whl'",
            PackageError,
        ),
        ("https://host/requirements.txt", "requirements='https://host", UnsupportedError),
        (str(tmp_path / "nowhere.txt"), "requirements=.*nowhere.txt.*No such file", PackageError),
        (str(tmp_path / "circle.txt"), "circle.txt.*includes itself", PackageError),
        (str(file), "requirements: line 2 of .*'-e ./project'", PackageError),
    ]
    for given, why, kind in wrong:
        with pytest.raises(kind, match=why):
            submit("true", requirements=given)
    (tmp_path / "tool").write_text("#!/bin/sh\necho no python; exit 3\n")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(
        UnsupportedError, match=r"requirements can't be installed: .*/tool is no Python.*'no python'"
    ):
        submit("true", requirements=["numpy"], py_executable=f"{tmp_path}/tool")
    assert list(job.list()) == []


def test_the_value_of_a_variable_makes_another_environment(
    service: Path, packages: Index, tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    wheel(newer, "one", "2.0")
    file = tmp_path / "requirements.txt"
    file.write_text("--index-url http://me:${LOGIN}@${HOST}/simple\none\n")
    with index(newer) as other:
        for host, login, version in (
            (packages.host, "first-login", "1.0"),
            (other.host, "first-login", "2.0"),
            (packages.host, "other-login", "1.0"),
        ):
            fields = {"env_vars": {**NO_INDEX, "HOST": host, "LOGIN": login}}
            assert output(SHOW.format("one"), requirements=str(file), **fields).endswith(f"{version}\n")
    assert len(list((service / "environments").glob("*.json"))) == 2


def test_a_token_in_a_path_is_in_no_reason(
    service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "hunter2-hunter2-hunter2"
    monkeypatch.setenv("DEEP_TOKEN", token)
    file = tmp_path / "requirements.txt"
    file.write_text("one @ http://127.0.0.1:9/${DEEP_TOKEN}/one-1.0-py3-none-any.whl\n")
    status = run("true", requirements=str(file), env_vars=NO_INDEX)
    assert status.state == "FAILED"
    assert "Failed to download" in (status.reason or "")
    assert f"127.0.0.1:9/{'*' * len(token)}/one" in job.get_logs(id=status.id)
    for path in service.rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes(), path


def test_what_a_job_installs_by_itself_does_not_get_into_the_shared_environment(
    service: Path, packages: Index, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", packages.url)
    pip = f"python -m pip install --no-index --find-links {wheels} modern"
    mortal = shlex.join(MORTAL)
    status = run(f"{mortal} {pip}", requirements=["one"])
    assert status.state == "FAILED"
    assert "Permission denied" in job.get_logs(id=status.id)
    assert run(f"! {SHOW.format('modern')}", requirements=["one"]).state == "SUCCEEDED"
