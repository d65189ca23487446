"""Words that people type."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from jobs_jupyter import words
from jobs_jupyter.notebook.options import cell_parser


@pytest.mark.parametrize(
    ("text", "size"), [("64Mi", 2**26), ("8Gi", 2**33), ("1.5GiB", 3 * 2**29), ("1048576", 2**20)]
)
def test_sizes(text: str, size: int) -> None:
    assert words.size(text) == size


@pytest.mark.parametrize("text", ["", "8Xi", "-1Gi", "1023Ki", "8", "0", "Gi", "²"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="8Gi"):
        words.size(text)


@pytest.mark.parametrize("text", ["24856d", "99999999999", "9" * 400 + "h"])
def test_what_is_too_long(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is too long; write 24855d at most"):
        words.duration(text)
    assert words.duration("24855d") == 24855 * 86400


def test_a_timeout_that_may_be_0() -> None:
    assert (words.idle("0"), words.idle("2m")) == (0, 120)
    with pytest.raises(argparse.ArgumentTypeError, match="90s"):
        words.idle("soon")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("90", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1d2h3m4s", 93784),
        ("0.1m", 6),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert words.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "0h", "soon", "30m1h", "1h1h", "h", "-5s", "1,5h", "1h30", "1 h", "٣s"]
)
def test_what_is_no_duration(text: str) -> None:
    if text == "1h30":  # the last unit may be left out
        assert words.duration(text) == 3630
    else:
        with pytest.raises(argparse.ArgumentTypeError, match="1h30m"):
            words.duration(text)
    with pytest.raises(argparse.ArgumentTypeError, match="whole number of seconds"):
        words.duration("1.5s")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-1", "at least 0, not -1"),
        ("2147483648", "at most 2147483647"),
        ("x", "not a whole"),
        ("1.5", "not a"),
    ],
)
def test_counts(text: str, said: str) -> None:
    assert words.count("7") == 7
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        words.count(text)


@pytest.mark.parametrize(
    ("line", "compute"),
    [
        ("", None),
        ("--cpus 2", {"min_resources": {"CPU": 2}}),
        ("--gpus 1 --memory 1Mi", {"min_resources": {"memory": 2**20, "GPU": 1}}),
        ("--compute big:2", "big:2"),
    ],
)
def test_what_a_cell_runs_on(line: str, compute: object) -> None:
    assert words.compute_of(cell_parser().read(line)) == compute


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("", {}),
        ("-r numpy>=2 -r 'x @ https://host/x.whl'", {"requirements": ["numpy>=2", "x @ https://host/x.whl"]}),
        ("-r dist/a-1-py3-none-any.whl -r numpy", {"requirements": ["dist/a-1-py3-none-any.whl", "numpy"]}),
        ("-r ./a-1.tar.gz[more]", {"requirements": ["./a-1.tar.gz[more]"]}),
        ("-r requirements.txt", {"requirements": "requirements.txt"}),
        ("--requirements ../dev.in", {"requirements": "../dev.in"}),
        ("-r numpy -r a.txt", {"requirements": ["numpy", "a.txt"]}),
        ("-r pyproject.toml", {"requirements": "pyproject.toml"}),
        ("-r requirements.lock", {"requirements": "requirements.lock"}),
        ("-r dev/base", {"requirements": "dev/base"}),
        ("-r git+https://host/x@v1", {"requirements": ["git+https://host/x@v1"]}),
        ("-r https://host/x-1-py3-none-any.whl", {"requirements": ["https://host/x-1-py3-none-any.whl"]}),
        ("-r ruamel.yaml", {"requirements": ["ruamel.yaml"]}),
        ("--py-module lib --py-module one.py", {"py_modules": ["lib", "one.py"]}),
        ("--py-executable 'python -X dev'", {"py_executable": "python -X dev"}),
    ],
)
def test_what_a_cell_finds(line: str, fields: object) -> None:
    assert words.python_of(cell_parser().read(line)) == fields


def test_a_file_that_is_there_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert words.requirements_of(["numpy"]) == ["numpy"]
    (tmp_path / "numpy").mkdir()
    assert words.requirements_of(["numpy"]) == ["numpy"]
    assert words.requirements_of(["./numpy"]) == ["./numpy"]  # whose error says what to do with a directory
    (tmp_path / "reqs").write_text("numpy\n")
    assert words.requirements_of(["reqs"]) == "reqs"
    (tmp_path / "my reqs").write_text("numpy\n")
    assert words.requirements_of(["my reqs"]) == "my reqs"


@pytest.mark.parametrize("resource", ["--cpus 1", "--memory 1Gi", "--gpus 1"])
def test_a_compute_config_and_resources_exclude_each_other(resource: str) -> None:
    with pytest.raises(ValueError, match="--compute big says what the job runs on"):
        words.compute_of(cell_parser().read(f"--compute big {resource}"))
