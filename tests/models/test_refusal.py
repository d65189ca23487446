"""What a model refuses, in plain words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from jobs_jupyter.models.job import JobConfig
from jobs_jupyter.models.refusal import sentence

COMMAND = {"entrypoint": "true"}
QUEUE = {"idle_timeout_s": 5}
NEED = {"CPU": 1, "memory": "1Gi"}
VAX = {"cpu_architecture": "vax"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "entrypoint: is required, and missing"),
        ({"entrypiont": "true"}, "entrypiont: There is no such field; did you mean entrypoint?"),
        ({"nothing_alike": 1}, "nothing_alike: There is no such field"),
        ({"entrypoint": 5}, "entrypoint=5: must be text (put quotes around it)"),
        ({**COMMAND, "max_retries": "three"}, "max_retries='three': must be a whole number"),
        ({**COMMAND, "max_retries": -1}, "max_retries=-1: must be at least 0"),
        ({**COMMAND, "timeout_s": 1.5}, "timeout_s=1.5: must be a whole number"),
        ({**COMMAND, "tags": "team"}, "tags='team': must be `name: value` pairs"),
        ({**COMMAND, "tags": {"n": 1}}, "tags.n=1: must be text (put quotes around it)"),
        ({**COMMAND, "excludes": "a.txt"}, "excludes='a.txt': must be a list"),
        ({**COMMAND, "max_retry": 1}, "max_retry: There is no such field; did you mean max_retries?"),
        ({**COMMAND, "job_queue_config": "line"}, "job_queue_config='line': must be `field: value` pairs"),
        (
            {**COMMAND, "job_queue_config": {"job_queue_spec": {**QUEUE, "max_concurrency": 0}}},
            "job_queue_config.job_queue_spec.max_concurrency=0: must be at least 1",
        ),
        (
            {**COMMAND, "job_queue_config": {"job_queue_spec": {**QUEUE, "execution_mode": "SOON"}}},
            (
                "job_queue_config.job_queue_spec.execution_mode: 'SOON' is unknown; "
                "use one of FIFO, LIFO, PRIORITY"
            ),
        ),
        (
            {**COMMAND, "compute_config": {"min_resources": {"CPU": "many"}}},
            "compute_config.min_resources.CPU='many': must be a number",
        ),
        (
            {**COMMAND, "compute_config": {"min_resources": {"CPU": float("inf")}}},
            "compute_config.min_resources.CPU=inf: must be a finite number",
        ),
        (
            {**COMMAND, "compute_config": {"min_resources": {"CPU": 10**400}}},
            "compute_config.min_resources.CPU: must be a finite number",
        ),
        ({**COMMAND, "compute_config": {"zones": []}}, "compute_config.zones=[]: must not be empty"),
        (
            {**COMMAND, "compute_config": {"head_node": {"required_resources": {**NEED, "memory": 1.5}}}},
            (
                "compute_config.head_node.required_resources.memory=1.5: "
                "must be a whole number or text (put quotes around it)"
            ),
        ),
        (
            {**COMMAND, "compute_config": {"head_node": {"required_resources": {**NEED, **VAX}}}},
            "compute_config.head_node.required_resources.cpu_architecture='vax': must be 'x86_64' or 'arm64'",
        ),
        (
            {**COMMAND, "compute_config": 3},
            "compute_config=3: must be text (put quotes around it) or `field: value` pairs",
        ),
        (
            {**COMMAND, "requirements": 3},
            "requirements=3: must be text (put quotes around it) or a list",
        ),
        ({**COMMAND, "requirements": ""}, "requirements='': must not be blank; leave it out instead"),
        ({"entrypoint": " "}, "entrypoint=' ': cannot be blank"),
        ({**COMMAND, "tags": {"int": 1, "str": 2}}, "tags.int=1: must be text (put quotes around it)"),
        ({**COMMAND, "requirements": ["a", 3]}, "requirements.1=3: must be text (put quotes around it)"),
        (dict[Any, Any]({**COMMAND}) | {5: 1}, "5=5: a field's name is text"),
        (
            {**COMMAND, "name": "a\ud800"},
            "name='a\\ud800': must be valid text, and \\ud800 is half a character; leave it out",
        ),
        ({**COMMAND, "tags": {"int": 1}}, "tags.int=1: must be text (put quotes around it)"),
        ({**COMMAND, "env_vars": {"KEY": 5}}, "env_vars.KEY: must be text (put quotes around it)"),
        ({**COMMAND, "env_vars": ["secret"]}, "env_vars: must be `name: value` pairs"),
    ],
)
def test_sentences(fields: dict[Any, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        JobConfig.from_dict(fields)
    assert sentence(refused.value) == said


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"requirements": 3}, ("requirements",)),
        ({"requirements": [3]}, ("requirements", 0)),
        ({"requirements": ["a", " "]}, ("requirements", 1)),
        ({"compute_config": 3}, ("compute_config",)),
        ({"compute_config": {"max_resources": {"CPU": "x"}}}, ("compute_config", "max_resources", "CPU")),
    ],
)
def test_an_error_is_said_of_the_field_and_not_of_its_types(fields: dict[str, Any], place: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        JobConfig.from_dict({**COMMAND, **fields})
    assert [line["loc"] for line in raised.value.errors()] == [place]
    assert "function-" not in str(raised.value)
