"""The wire: its description, its errors, and what only it has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from jobs_jupyter import _version, job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.job.models import JobStatus
from jobs_jupyter.models import errors
from jobs_jupyter.service.api import OPERATIONS
from tests.jobs import ended, run, submit

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
def http(service: Path) -> Iterator[httpx.Client]:
    with client_service.ensure().client() as client:
        yield client


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a JSON document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from parts(child)


def test_openapi_describes_every_route(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1.")
    assert described["info"] == {"title": "jobs_jupyter service", "version": _version.__version__}
    operations = [
        (method, path, content)
        for path, methods in described["paths"].items()
        for method, content in methods.items()
    ]
    assert {(method.upper(), path) for method, path, _ in operations} == {
        (each.method, each.path) for each in OPERATIONS
    }
    assert {method for method, _, _ in operations} <= METHODS
    names = [content["operationId"] for _, _, content in operations]
    assert len(set(names)) == len(names)
    for _, path, content in operations:
        assert content["summary"]
        assert content["responses"]["4XX"]
        in_path = {each["name"] for each in content["parameters"] if each["in"] == "path"}
        assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}
        assert all(each["required"] for each in content["parameters"] if each["in"] == "path")
        keys = [(each["in"], each["name"]) for each in content["parameters"]]
        assert len(set(keys)) == len(keys)


def test_openapi_is_sound(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    references = [each["$ref"] for each in parts(described) if isinstance(each.get("$ref"), str)]
    assert references
    for reference in references:
        found = described
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
    for schema in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_answers_are_as_described(http: httpx.Client) -> None:
    described = http.get("/openapi.json").json()
    status = run("exit 1", tags={"a": "b"}, env_vars={"A": "b"}, timeout_s=5)
    schema = {"$ref": "#/components/schemas/JobStatus", "components": described["components"]}
    answer = http.get(f"/v1/jobs/{status.id}").json()
    Draft202012Validator(schema).validate(answer)
    assert JobStatus.from_dict(answer) == status
    error = {"$ref": "#/components/schemas/Error", "components": described["components"]}
    Draft202012Validator(error).validate(http.get("/v1/jobs/none").json())


def test_errors_have_one_shape(http: httpx.Client) -> None:
    job_id = run("true").id
    config = {"entrypoint": "true"}
    for method, path, body, status, kind in (
        ("GET", "/v1/jobs/prodjob_none", None, 404, "JobNotFoundError"),
        ("GET", "/v1/jobs/find?name=none", None, 404, "JobNotFoundError"),
        ("GET", "/v1/jobs/find?name=none&cloud=aws", None, 400, "InvalidRequestError"),
        ("GET", f"/v1/jobs/{job_id}/outputs/none", None, 404, "JobNotFoundError"),
        ("GET", f"/v1/jobs/{job_id}/outputs/..%2f..%2flog", None, 404, None),
        ("GET", f"/v1/jobs/{job_id}/runs/none/log", None, 400, "InvalidRequestError"),
        ("GET", f"/v1/jobs/{job_id}/logs?max_lines=0", None, 400, "InvalidRequestError"),
        ("GET", f"/v1/jobs/{job_id}/logs?mode=x", None, 400, "InvalidRequestError"),
        ("GET", "/v1/jobs?page_size=101", None, 400, "InvalidRequestError"),
        ("GET", "/v1/jobs?state_filter=x", None, 400, "InvalidRequestError"),
        ("GET", "/v1/jobs?cursor=x", None, 400, "InvalidRequestError"),
        ("GET", "/v1/jobs?include_archived=x", None, 400, "InvalidRequestError"),
        ("GET", "/v1/jobs?created_at_to=x", None, 400, "InvalidRequestError"),
        ("GET", "/v1/events?after=-1", None, 400, "InvalidRequestError"),
        ("GET", f"/v1/events?after={2**63}", None, 400, "InvalidRequestError"),
        ("GET", "/v1/events?wait_s=nan", None, 400, "InvalidRequestError"),
        ("PUT", f"/v1/jobs/{job_id}/tags", {"tags": {}}, 400, "InvalidRequestError"),
        ("PUT", f"/v1/jobs/{job_id}/tags", {"tags": {"a b": ""}}, 400, "InvalidRequestError"),
        ("DELETE", f"/v1/jobs/{job_id}/tags", None, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", None, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", [], 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", "deep", 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": "text"}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": {**config, "colour": 1}}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": {**config, "ray_version": "0.0.1"}}, 400, "UnsupportedError"),
        ("POST", "/v1/connections/remove", {"name": "none"}, 404, "ConnectionNotFoundError"),
        ("POST", "/v1/secrets/remove", {"name": "none"}, 404, "SecretNotFoundError"),
        ("PUT", "/v1/secrets", {"name": "x"}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": config, "origin": "x"}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": config, "origin": {"environment": {"A": 1}}}, 400, None),
        ("POST", "/v1/jobs", {"config": config, "origin": {"interpreter": "python"}}, 400, None),
        ("POST", "/v1/jobs", {"config": config, "idempotency_key": 5}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": {**config, "max_retries": 2**63}}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": {**config, "timeout_s": 10**400}}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": {**config, "working_dir": f"package://{'0' * 64}"}}, 400, None),
        ("POST", "/v1/jobs", {"config": {**config, "working_dir": "/tmp"}}, 400, "InvalidRequestError"),
        ("POST", "/v1/jobs", {"config": {**config, "requirements": ["./a.whl"]}}, 400, "InvalidRequestError"),
        ("POST", "/v1/packages", {"entries": 5}, 400, None),
        ("POST", "/v1/blobs", "not frames" * 10, 400, "InvalidRequestError"),
        ("GET", "/v2/jobs", None, 404, "UnsupportedError"),
        ("PATCH", "/v1/jobs", None, 405, "UnsupportedError"),
    ):
        content = None if body is None else "[" * 100_000 if body == "deep" else json.dumps(body)
        answer = http.request(method, path, content=content)
        assert answer.status_code == status, (method, path, body, answer.text)
        error = answer.json()["error"]
        assert set(error) == {"type", "message"}
        assert kind in (None, error["type"])
        assert issubclass(getattr(errors, error["type"]), errors.JobsError)
        assert error["message"]
        assert not error["message"].startswith(":"), "it says what is wrong"
    assert [each.id for each in job.list()] == [job_id]
    assert "Traceback" not in Path(http.get("/v1/service").json()["home"], "service.log").read_text()


def test_a_refused_config_does_not_show_its_secrets(http: httpx.Client) -> None:
    config = {"entrypoint": "true", "env_vars": {"TOKEN": 4711}, "evn_vars": {"TOKEN": "geheim"}}
    answer = http.post("/v1/jobs", json={"config": config})
    assert answer.status_code == 400
    assert "env_vars" in answer.text
    assert "geheim" not in answer.text
    assert "4711" not in answer.text


def test_a_state_error_is_a_conflict(http: httpx.Client) -> None:
    job_id = submit("sleep 600")
    for method, path in (("POST", "/archive"), ("DELETE", "")):
        answer = http.request(method, f"/v1/jobs/{job_id}{path}")
        assert (answer.status_code, answer.json()["error"]["type"]) == (409, "JobStateError")
    job.terminate(id=job_id)


def test_the_same_key_is_the_same_job(http: httpx.Client, service: Path) -> None:
    body = {"config": {"entrypoint": "true"}, "idempotency_key": "key-1"}
    first, second = (http.post("/v1/jobs", json=body) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    other = http.post("/v1/jobs", json={**body, "idempotency_key": "key-2"}).json()["id"]
    assert {each.id for each in job.list()} == {first.json()["id"], other}
    assert {path.name for path in (service / "jobs").iterdir()} == {first.json()["id"], other}
    assert ended(other).state == "SUCCEEDED"


def test_about_the_service(http: httpx.Client, service: Path) -> None:
    known = http.get("/v1/service").json()
    assert known.keys() >= {"version", "api", "pid", "home", "host", "started_at", "active_jobs"}
    assert (known["version"], known["api"], known["home"]) == (_version.__version__, 1, str(service))
    assert known["active_jobs"] == 0
    job_id = submit("sleep 600")
    assert http.get("/v1/service").json()["active_jobs"] == 1
    job.terminate(id=job_id)


def test_a_log_from_any_offset(http: httpx.Client) -> None:
    status = run("printf 0123456789")
    path = f"/v1/jobs/{status.id}/runs/{status.runs[0].name}/log"
    for offset, content, start in (
        (0, "0123456789", 0),
        (4, "456789", 4),
        (-3, "789", 7),
        (-99, "0123456789", 0),
    ):
        for follow in ("0", "1"):
            answer = http.get(path, params={"offset": offset, "follow": follow})
            assert answer.text == content
            assert answer.headers["X-Log-Offset"] == str(start)
            assert answer.headers["X-Log-Size"] == "10"
    assert http.get(path, params={"offset": 10}).text == http.get(path, params={"offset": 99}).text == ""


def test_outputs_of_the_last_run(http: httpx.Client) -> None:
    status = run(
        'printf text > "$JOBS_JUPYTER_OUTPUT_DIR/a"; ln -s /etc/hostname "$JOBS_JUPYTER_OUTPUT_DIR/b"'
    )
    assert {"name": "a", "size": 4} in http.get(f"/v1/jobs/{status.id}/outputs").json()["outputs"]
    assert http.get(f"/v1/jobs/{status.id}/outputs/a").content == b"text"
    assert http.get(f"/v1/jobs/{status.id}/outputs/b").status_code == 404
