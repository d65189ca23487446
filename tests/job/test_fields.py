"""Each field of a JobConfig: a real job that observes it, and a value that is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import connection, job, job_queue, secret
from jobs_jupyter.job.models import JobConfig
from tests.engine import IMAGE, Engine
from tests.jobs import ended, output, run, submit
from tests.registry import PASSWORD, USER
from tests.wheels import wheel

Effect = Callable[..., None]
EFFECTS: dict[str, Effect] = {}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {}


def field(wrong: Any, said: str, **others: Any) -> Callable[[Effect], Effect]:
    """Note the effect of the field that the function is called after, and what is refused of it."""

    def note(effect: Effect) -> Effect:
        name = effect.__name__
        EFFECTS[name] = effect
        REFUSED[name] = ({name: wrong, **others}, said)
        return effect

    return note


@field("", r"name\n +must not be blank")
def name() -> None:
    assert output('echo "$JOBS_JUPYTER_JOB_NAME"', name="my job") == "my job\n"


@field(["true"], r"entrypoint\n +must be text")
def entrypoint() -> None:
    assert output("printf 'a b' | wc -c") == "3\n"


@field({"cloud": "elsewhere"}, "cloud 'elsewhere'")
def compute_config() -> None:
    head = {"required_resources": {"CPU": 1, "memory": "64Mi"}}
    seen = output('echo "$OMP_NUM_THREADS"; nproc', compute_config={"head_node": head})
    assert seen == "1\n1\n"


@field("/no/such/directory", "no directory '/no/such/directory'")
def working_dir(tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("content\n")
    assert output("cat data.txt; rm data.txt", working_dir=str(tmp_path)) == "content\n"
    assert (tmp_path / "data.txt").exists()


@field("*.txt", r"excludes\n +must be a list")
def excludes(tmp_path: Path) -> None:
    for file in ("kept.py", "big.bin", "also.bin"):
        (tmp_path / file).touch()
    assert output("ls", working_dir=str(tmp_path), excludes=["*.bin", "!also.bin"]) == "also.bin\nkept.py\n"


@field({"A=B": "1"}, r"env_vars\n .*'A=B'")
def env_vars() -> None:
    assert output('echo "$COLOUR"', env_vars={"COLOUR": "green"}) == "green\n"


@field(["/no/such/module"], "py_modules has '/no/such/module', and there is no such directory or file")
def py_modules(tmp_path: Path) -> None:
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper" / "__init__.py").write_text("WORD = 'found'\n")
    seen = output(
        "cd / && python -c 'import helper; print(helper.WORD)'", py_modules=[str(tmp_path / "helper")]
    )
    assert seen == "found\n"


@field(["one two three"], "requirements has 'one two three'")
def requirements(tmp_path: Path) -> None:
    made = wheel(tmp_path, "brought-along", "1.0")
    (tmp_path / "reqs.txt").write_text(f"--no-index\n./{made.name}\n")
    seen = output(
        "python -c 'import brought_along as b; print(b.VERSION)'", requirements=str(tmp_path / "reqs.txt")
    )
    assert seen == "1.0\n"


@field("/no/such/python", "py_executable.*/no/such/python")
def py_executable() -> None:
    seen = output("python -c 'import sys; print(sys.flags.dev_mode)'", py_executable="python -X dev")
    assert seen == "True\n"


@field("Not An Image", r"image_uri\n +must have the form \[host")
def image_uri(podman: Engine) -> None:
    assert output("echo $OF_IMAGE; pwd", image_uri=IMAGE).startswith("yes\n/")


@field("/no/such/Containerfile", "containerfile='/no/such/Containerfile' can't be read")
def containerfile(podman: Engine, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text(f"FROM {IMAGE}\nENV BUILT=here\n")
    assert output("echo $BUILT", containerfile=str(tmp_path / "Containerfile")) == "here\n"


@field("none-such", "no secret 'none-such'", image_uri=IMAGE)
def registry_login_secret(private: str) -> None:
    secret.set("team", PASSWORD, username=USER)
    assert output("echo $OF_IMAGE", image_uri=private, registry_login_secret="team") == "yes\n"


@field([{"type": "databricks", "name": "none-such"}], "no connection 'none-such'")
def connections() -> None:
    connection.add("lake", {"host": "https://lake.example.com", "token": "dapi-0123456789"})
    seen = output('echo "$DATABRICKS_HOST"', connections=[{"type": "databricks", "name": "lake"}])
    assert seen == "https://lake.example.com\n"


@field("elsewhere", "no cloud 'elsewhere'.*local")
def cloud() -> None:
    assert run("true", cloud="local").cloud == "local"


@field("", r"project\n +must not be blank")
def project() -> None:
    first = ended(submit("true", name="same", project="one"))
    ended(submit("true", name="same", project="two"))
    assert job.status(name="same", project="one").id == first.id


@field("2.1", r"ray_version\n .*X\.Y\.Z")
def ray_version(tmp_path: Path) -> None:
    for there in ("2.60.0", "2.59.1"):
        made = wheel(tmp_path, "ray", there)
        (tmp_path / there).write_text(f"--no-index\n./{made.name}\n")
    show = "python -c 'import ray; print(ray.VERSION)'"
    assert output(show, ray_version="2.60.0", requirements=str(tmp_path / "2.60.0")) == "2.60.0\n"
    other = run(show, ray_version="2.60.0", requirements=str(tmp_path / "2.59.1"), max_retries=1)
    assert (other.state, len(other.runs)) == ("FAILED", 1)
    assert "ray_version='2.60.0', but ray 2.59.1 is installed" in (other.reason or "")
    with pytest.raises(ValueError, match=r"ray_version='99.1.2', but .* is installed for .*python"):
        submit("true", ray_version="99.1.2")


@field(-1, r"max_retries\n +must be at least 0")
def max_retries() -> None:
    assert [each.attempt for each in run("exit 3", max_retries=1).runs] == [1, 2]


@field({"target_job_queue_name": "none-such"}, "no job queue 'none-such'")
def job_queue_config() -> None:
    spec = {"name": "one-by-one", "idle_timeout_s": 0, "max_concurrency": 1}
    ids = [submit("sleep 0.2", job_queue_config={"job_queue_spec": spec}) for _ in range(2)]
    first, second = (ended(job_id).runs[0] for job_id in ids)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert first.ended_at <= second.started_at
    assert job_queue.status(name="one-by-one").total_jobs == 2


@field(0, r"timeout_s\n +must be at least 1")
def timeout_s() -> None:
    status = run("sleep 60", timeout_s=1)
    assert (status.state, status.reason) == ("FAILED", "timed out after 1 s")


@field({"a key": "x"}, r"tags\n .*'a key'")
def tags() -> None:
    found = run("true", tags={"team": "mlops"})
    assert [each.id for each in job.list(tags_filter={"team": ["mlops"]})] == [found.id]


@pytest.mark.parametrize("name", JobConfig.model_fields)
def test_a_job_observes_it(service: Path, request: pytest.FixtureRequest, name: str) -> None:
    effect = EFFECTS[name]
    effect(**{needed: request.getfixturevalue(needed) for needed in signature(effect).parameters})


@pytest.mark.parametrize("name", JobConfig.model_fields)
def test_a_bad_value_is_refused_by_name(service: Path, request: pytest.FixtureRequest, name: str) -> None:
    fields, said = REFUSED[name]
    if "image_uri" in fields:
        request.getfixturevalue("podman")
    with pytest.raises((ValueError, LookupError), match=said):
        job.submit(JobConfig(**{"entrypoint": "true", **fields}))
    assert not list(service.glob("jobs/*"))
