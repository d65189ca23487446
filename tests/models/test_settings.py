"""Where the settings of a service come from, and what is said of those that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs_jupyter.models import settings
from jobs_jupyter.models.errors import SettingsError
from jobs_jupyter.models.settings import Settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def test_defaults(config: Path) -> None:
    found = settings.load(config, {}, {})
    assert found.settings == Settings()
    assert {entry["source"] for entry in found.entries()} == {"default"}
    assert found.settings.idle_s == 600
    assert found.settings.retention.jobs.to_dict() == {}, "jobs are kept"
    assert found.settings.retention.packages.max_age_days == 7
    config.write_text("\n# nothing yet\n")
    assert settings.load(config, {}, {}).settings == Settings()


def test_arguments_win_over_the_environment_and_that_over_the_file(config: Path) -> None:
    config.write_text(
        "idle_s: 1\nhost: 127.0.0.1\nport: 1\ngpus: [0, 2]\n"
        "retention:\n  jobs: {max_count: 9, max_size: 1Gi}\n"
    )
    environment = {
        "JOBS_JUPYTER_IDLE_S": "2",
        "JOBS_JUPYTER_PORT": "2",
        "JOBS_JUPYTER_MEMORY": "16Gi",
        "JOBS_JUPYTER_CPUS": "",
        "JOBS_JUPYTER_RETENTION_JOBS_MAX_COUNT": "7",
        "JOBS_JUPYTER_RETENTION_PACKAGES_MAX_AGE_DAYS": "null",
        "JOBS_JUPYTER_JOB_ID": "of another kind",
    }
    found = settings.load(config, environment, {"port": 3})
    by_name = {entry["name"]: (entry["value"], entry["source"]) for entry in found.entries()}
    assert by_name["port"] == (3, "argument")
    assert by_name["idle_s"] == (2, "JOBS_JUPYTER_IDLE_S")
    assert by_name["host"] == ("127.0.0.1", str(config))
    assert by_name["gpus"] == ([0, 2], str(config))
    assert by_name["cpus"] == (None, "default")
    assert by_name["retention.jobs.max_count"] == (7, "JOBS_JUPYTER_RETENTION_JOBS_MAX_COUNT")
    assert by_name["retention.jobs.max_size"] == ("1Gi", str(config))
    assert by_name["retention.packages.max_age_days"][0] is None
    assert found.settings.memory_bytes == 16 * 2**30


def test_package_store() -> None:
    for good in ("s3://bucket", "abfss://container@account/prefix/", "file:///a/b", "file://localhost/a"):
        assert Settings(package_store=good).package_store == good.rstrip("/")
    for wrong in (
        "/a/b",
        "ftp://host/a",
        "https://host/a",
        "s3://",
        "file://a/b",
        "s3://bucket/a?b=1",
        "s3://a#b",
    ):
        with pytest.raises(ValueError, match=r"package_store\n.*such as s3://bucket/prefix"):
            Settings(package_store=wrong)


def test_log_limit() -> None:
    assert Settings().log_limit == 2**30
    assert Settings(log_max_bytes=None).log_limit is None
    assert Settings(log_max_bytes=5).log_limit == 5


WRONG: list[tuple[dict[str, str], str, list[str]]] = [
    ({}, "idle: 5", ["idle=5", "in {config}", "there is no such setting; did you mean idle_s?"]),
    ({}, "idle_s: soon", ["idle_s='soon'", "in {config}", "must be a number"]),
    ({}, "idle_s: -1", ["idle_s=-1"]),
    ({}, "idle_s: .inf", ["idle_s=inf"]),
    ({}, "retention: {job: {max_count: 1}}", ["retention.job=", "did you mean jobs?"]),
    ({}, "retention: {jobs: {max_count: -1}}", ["retention.jobs.max_count=-1"]),
    ({}, "retention: {packages: {max_size: lots}}", ["retention.packages.max_size='lots'", "such as 512Mi"]),
    ({}, "retention: 5", ["retention=5"]),
    ({"RETENTION_JOBS_MAX_COUNT": "1"}, "retention: 5", ["retention=5"]),
    ({}, "gpus: [0, 0]", ["gpus=[0, 0]", "distinct"]),
    ({}, "gpus: true", ["gpus=True", "how many"]),
    ({}, "cpus: 0", ["cpus=0"]),
    ({}, "port: 8765", ["port in {config} can't be used: port=8765", "no host"]),
    ({"PORT": "8765"}, "", ["JOBS_JUPYTER_PORT can't be used: port=8765", "no host"]),
    ({}, "cgroup: /nowhere", ["cgroup='/nowhere' in {config}", "is not a directory; name a control group"]),
    ({"CGROUP": "/nowhere"}, "", ["JOBS_JUPYTER_CGROUP='/nowhere' can't be used: is not a directory"]),
    ({}, "cpus: 100000", ["cpus=100000 in {config}", "must be at most 8192"]),
    ({}, "gpus: 100000", ["gpus=100000", "must be at most 1024"]),
    ({}, "gpus: [0, 100000]", ["gpus=[0, 100000]", "must be at most 1024"]),
    ({}, "5: 3", ["in {config}", "a field's name is text"]),
    ({}, "idle_s: [1]", ["idle_s=[1]", "must be a number"]),
    ({}, "just words", ["{config} can't be used: holds text; write"]),
    ({}, "a: [", ["{config} can't be used: line 1", "not YAML"]),
    ({"IDLE_S": "soon"}, "idle_s: 5", ["JOBS_JUPYTER_IDLE_S='soon' can't be used"]),
    ({"IDEL_S": "5"}, "", ["JOBS_JUPYTER_IDEL_S can't be used", "did you mean JOBS_JUPYTER_IDLE_S?"]),
    ({"RETENTION_JOBS_MAX_COUNTS": "5"}, "", ["did you mean JOBS_JUPYTER_RETENTION_JOBS_MAX_COUNT?"]),
    ({"GPUS": "[-1]"}, "", ["JOBS_JUPYTER_GPUS=[-1]"]),
]


@pytest.mark.parametrize(("environment", "text", "said"), WRONG)
def test_what_can_not_be_used(config: Path, environment: dict[str, str], text: str, said: list[str]) -> None:
    if text:
        config.write_text(text)
    with pytest.raises(SettingsError) as refused:
        settings.load(config, {f"JOBS_JUPYTER_{name}": value for name, value in environment.items()}, {})
    for part in said:
        assert part.format(config=config) in str(refused.value)


def test_an_argument_is_called_one(config: Path) -> None:
    for given, said in (
        ({"port": 80}, "The argument port can't be used: port=80 is a port for TCP"),
        ({"host": "x", "port": -1}, "The argument port=-1 can't be used: must be at least 0"),
    ):
        with pytest.raises(SettingsError, match=said):
            settings.load(config, {}, given)


def test_variables_of_others(config: Path) -> None:
    own = ("HOME", "TARGET", "TOKEN", "JOB_ID", "RUN_NAME", "QUEUE_DIR", "OUTPUT_DIR", "MAX_INPUT_BYTES")
    environment = {f"JOBS_JUPYTER_{name}": "x" for name in (*own, "SOMETHING_ELSE")}
    assert settings.load(config, {**environment, "JOBS_JUPYTER_IDEL_S": ""}, {}).settings == Settings()


def test_an_unreadable_file(config: Path) -> None:
    config.mkdir()
    with pytest.raises(SettingsError, match=r"config\.yaml"):
        settings.load(config, {}, {})


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    for name in settings.names():
        assert f"| `{name}` |" in page
        default: Any = Settings()
        for part in name.split("."):
            default = getattr(default, part)
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        shown = "" if default is None else f"{default:g}" if isinstance(default, float) else str(default)
        assert line.split("|")[2].strip() == shown
    assert settings.variable("retention.jobs.max_count") in page
