"""Each field of a JobConfig: a real job that observes it, and a value that is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter import job, job_queue
from jobs_jupyter.job.models import JobConfig
from tests.jobs import ended, output, run, submit
from tests.wheels import wheel

Effect = Callable[[Path], None]
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


@field("", "name")
def name(_: Path) -> None:
    assert output('echo "$JOBS_JUPYTER_JOB_NAME"', name="my job") == "my job\n"


@field(["true"], "entrypoint")
def entrypoint(_: Path) -> None:
    assert output("printf 'a b' | wc -c") == "3\n"


@field({"cloud": "elsewhere"}, "cloud 'elsewhere'")
def compute_config(_: Path) -> None:
    head = {"required_resources": {"CPU": 1, "memory": "64Mi"}}
    seen = output('echo "$OMP_NUM_THREADS"; nproc', compute_config={"head_node": head})
    assert seen == "1\n1\n"


@field("/no/such/directory", "no directory '/no/such/directory'")
def working_dir(tmp: Path) -> None:
    (tmp / "data.txt").write_text("content\n")
    assert output("cat data.txt; rm data.txt", working_dir=str(tmp)) == "content\n"
    assert (tmp / "data.txt").exists()


@field("*.txt", "excludes")
def excludes(tmp: Path) -> None:
    for file in ("kept.py", "big.bin", "also.bin"):
        (tmp / file).touch()
    assert output("ls", working_dir=str(tmp), excludes=["*.bin", "!also.bin"]) == "also.bin\nkept.py\n"


@field({"A=B": "1"}, "A=B")
def env_vars(_: Path) -> None:
    assert output('echo "$COLOUR"', env_vars={"COLOUR": "green"}) == "green\n"


@field(["/no/such/module"], "no directory '/no/such/module'")
def py_modules(tmp: Path) -> None:
    (tmp / "helper").mkdir()
    (tmp / "helper" / "__init__.py").write_text("WORD = 'found'\n")
    seen = output("cd / && python -c 'import helper; print(helper.WORD)'", py_modules=[str(tmp / "helper")])
    assert seen == "found\n"


@field(["one two three"], "requirements has 'one two three'")
def requirements(tmp: Path) -> None:
    made = wheel(tmp, "brought-along", "1.0")
    (tmp / "reqs.txt").write_text(f"--no-index\n./{made.name}\n")
    seen = output(
        "python -c 'import brought_along as b; print(b.VERSION)'", requirements=str(tmp / "reqs.txt")
    )
    assert seen.endswith("\n1.0\n")


@field("/no/such/python", "py_executable.*/no/such/python")
def py_executable(_: Path) -> None:
    seen = output("python -c 'import sys; print(sys.flags.dev_mode)'", py_executable="python -X dev")
    assert seen == "True\n"


@field("elsewhere", "no cloud 'elsewhere'.*local")
def cloud(_: Path) -> None:
    assert run("true", cloud="local").cloud == "local"


@field("", "project")
def project(_: Path) -> None:
    first = ended(submit("true", name="same", project="one"))
    ended(submit("true", name="same", project="two"))
    assert job.status(name="same", project="one").id == first.id


@field("2.1", "X.Y.Z")
def ray_version(tmp: Path) -> None:
    for there in ("2.60.0", "2.59.1"):
        made = wheel(tmp, "ray", there)
        (tmp / there).write_text(f"--no-index\n./{made.name}\n")
    show = "python -c 'import ray; print(ray.VERSION)'"
    assert output(show, ray_version="2.60.0", requirements=str(tmp / "2.60.0")).endswith("\n2.60.0\n")
    other = run(show, ray_version="2.60.0", requirements=str(tmp / "2.59.1"), max_retries=1)
    assert (other.state, len(other.runs)) == ("FAILED", 1)
    assert "ray_version='2.60.0', but ray 2.59.1 is installed" in (other.reason or "")
    with pytest.raises(ValueError, match=r"ray_version='99.1.2', but .* is installed for .*python"):
        submit("true", ray_version="99.1.2")


@field(-1, "max_retries")
def max_retries(_: Path) -> None:
    assert [each.attempt for each in run("exit 3", max_retries=1).runs] == [1, 2]


@field({"target_job_queue_name": "none-such"}, "no job queue 'none-such'")
def job_queue_config(_: Path) -> None:
    spec = {"name": "one-by-one", "idle_timeout_s": 0, "max_concurrency": 1}
    ids = [submit("sleep 0.2", job_queue_config={"job_queue_spec": spec}) for _ in range(2)]
    first, second = (ended(job_id).runs[0] for job_id in ids)
    assert first.ended_at is not None
    assert second.started_at is not None
    assert first.ended_at <= second.started_at
    assert job_queue.status(name="one-by-one").total_jobs == 2


@field(0, "timeout_s")
def timeout_s(_: Path) -> None:
    status = run("sleep 60", timeout_s=1)
    assert (status.state, status.reason) == ("FAILED", "timed out after 1 s")


@field({"a key": "x"}, "a key")
def tags(_: Path) -> None:
    found = run("true", tags={"team": "mlops"})
    assert [each.id for each in job.list(tags_filter={"team": ["mlops"]})] == [found.id]


@pytest.mark.parametrize("name", EFFECTS)
def test_a_job_observes_it(service: Path, tmp_path: Path, name: str) -> None:
    EFFECTS[name](tmp_path)


@pytest.mark.parametrize("name", EFFECTS)
def test_a_bad_value_is_refused_by_name(service: Path, name: str) -> None:
    fields, said = REFUSED[name]
    with pytest.raises((ValueError, LookupError), match=said):
        job.submit(JobConfig(**{"entrypoint": "true", **fields}))
    assert not list(service.glob("jobs/*"))
