"""The form that all models share."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from jobs_jupyter.job.models import JobConfig, JobQueueSpec, JobState, JobStatus


def test_fields_are_frozen() -> None:
    config = JobConfig(entrypoint="true")
    with pytest.raises(ValidationError):
        config.entrypoint = "false"


def test_an_unknown_field_suggests_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean max_retries"):
        JobConfig(entrypoint="true", max_retrys=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("value", ["3", 3.0, True])
def test_nothing_is_coerced(value: object) -> None:
    with pytest.raises(ValidationError, match="max_retries"):
        JobConfig(entrypoint="true", max_retries=value)  # type: ignore[arg-type]


def test_options_validates_and_keeps_what_was_set() -> None:
    config = JobConfig(entrypoint="true", name="a").options(max_retries=2)
    assert config == JobConfig(entrypoint="true", name="a", max_retries=2)
    assert config.model_fields_set == {"entrypoint", "name", "max_retries"}
    with pytest.raises(ValidationError):
        config.options(timeout_s=0)


def test_to_dict_can_leave_out_defaults() -> None:
    spec = JobQueueSpec(idle_timeout_s=3)
    assert spec.to_dict() == {"idle_timeout_s": 3, "execution_mode": "FIFO", "max_concurrency": 1}
    assert spec.to_dict(exclude_unset=True) == {"idle_timeout_s": 3}
    assert "name" in spec.to_dict(exclude_none=False)


def test_an_enum_is_found_in_any_case() -> None:
    assert JobState("running") is JobState.RUNNING
    assert JobState.named("Failed") == "FAILED"
    with pytest.raises(ValueError, match="use one of STARTING"):
        JobState.named("done")


def test_from_yaml_with_overrides(tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("name: a\nentrypoint: python main.py\ntags: {team: mlops}\n")
    assert JobConfig.from_yaml(path, tags={"a": "b"}) == JobConfig(
        name="a", entrypoint="python main.py", tags={"a": "b"}
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- a", "holds a list"),
        ("", "is empty; write"),
        ("5", "holds a number"),
        ("2026-01-01", "holds a value"),
        ("\0", "not YAML: special characters are not allowed"),
        ("a: [secret", "line 1, column 11: not YAML"),
        ("nam: a", "did you mean name"),
    ],
)
def test_a_bad_yaml_file_says_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "job.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        JobConfig.from_yaml(path)
    assert "secret" not in str(caught.value)


def test_a_missing_yaml_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("")
    with pytest.raises(FileNotFoundError, match=r"did you mean job\.yaml"):
        JobConfig.from_yaml(tmp_path / "jobs.yaml")


SECRET = "hunter2"


def test_reprs_mask_secrets() -> None:
    config = JobConfig(entrypoint="true", env_vars={"PASSWORD": SECRET})
    status = JobStatus(id="a", name="a", state="RUNNING", config=config, creator_id="me")
    for text in (repr(config), str(config), repr(status), str(status)):
        assert SECRET not in text
        assert "PASSWORD" in text
    assert config.to_dict()["env_vars"] == {"PASSWORD": SECRET}


@pytest.mark.parametrize(
    "fields",
    [
        {"env_vars": {"A": SECRET}},  # no entrypoint
        {"entrypoint": "true", "env_vars": {"A": [SECRET]}},
        {"entrypoint": "true", "env_vars": {"A": SECRET + "\0"}},
        {"entrypoint": "true", "env_vars": SECRET},
        {"entrypoint": "true", "env_vars": [SECRET]},
        {"entrypoint": "true", "env_var": {"A": SECRET}},
        {"entrypoint": "true", "environment": {"A": SECRET}},
        {"entrypoint": "true", "env_vars": {"A": SECRET}, "image_uri": "a", "containerfile": "b"},
    ],
)
def test_errors_mask_secrets(fields: dict[str, object]) -> None:
    for build in (
        lambda: JobConfig(**fields),  # type: ignore[arg-type]
        lambda: JobConfig.from_dict(fields),
        lambda: JobStatus.from_dict({"id": 5, "config": fields}),
    ):
        with pytest.raises(ValidationError) as caught:
            build()
        error = caught.value
        assert SECRET not in str(error) + repr(error) + str(error.errors()) + error.json()
        assert error.__cause__ is None
