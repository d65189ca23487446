"""Files that say what a project depends on: their encoding, and what is read of each kind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jobs_jupyter.models.errors import MissingFileError, PackageError
from jobs_jupyter.models.programs import find_uv
from jobs_jupyter.models.requirements import conda_hint, is_repository, is_url, names_file
from jobs_jupyter.packaging.requirements import requirements
from tests.wheels import wheel


def read(file: Path) -> list[str]:
    """Return the lines that become of a file."""
    taken = requirements(file)
    first = next(entry for entry in taken.manifest.entries if entry.path == "requirements.txt")
    return b"".join(taken.chunks(first.digest)).decode().splitlines()


@pytest.mark.parametrize(
    "content",
    [
        "one==1  # größe\n".encode(),
        "one==1  # größe\n".encode("utf-8-sig"),
        "one==1  # größe\r\n".encode("utf-16"),
        "\ufeffone==1  # größe\n".encode("utf-16-le"),
        "\ufeffone==1  # größe\n".encode("utf-16-be"),
        "\ufeffone==1  # größe\n".encode("utf-32-be"),
        "# -*- coding: latin-1 -*-\none==1  # größe\n".encode("latin-1"),
        "# kept by hand\n# vim: set fileencoding=cp1252 :\none==1  # “größe”\n".encode("cp1252"),
    ],
)
def test_text_is_read_as_pip_reads_it(tmp_path: Path, content: bytes) -> None:
    from pip._internal.utils.encoding import auto_decode

    assert "größe" in auto_decode(content)
    (tmp_path / "reqs.txt").write_bytes(content)
    assert read(tmp_path / "reqs.txt") == ["one==1"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("größe".encode("latin-1"), "is not UTF-8 text; write it as that"),
        (b"# coding: klingon\none", "an encoding that is not known: klingon"),
        (b"one\0two", "is not text: it has NUL characters"),
    ],
)
def test_what_is_not_text(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "reqs.txt").write_bytes(content)
    with pytest.raises(PackageError, match=why):
        requirements(tmp_path / "reqs.txt")


def test_a_project_is_its_dependencies(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["one>=1 ; python_version > \'3\'", "two[more]"]\n'
        '[project.optional-dependencies]\ndev = ["three"]\n'
        '[tool.uv.sources]\nthree = { path = "../three" }\n'
        '[[tool.uv.index]]\nname = "a"\nurl = "https://a/simple"\n'
        '[[tool.uv.index]]\nname = "b"\nurl = "https://b/simple"\nexplicit = true\n'
        '[[tool.uv.index]]\nname = "c"\nurl = "https://c/simple"\ndefault = true\n'
    )
    lines = [
        "--extra-index-url https://a/simple",
        "--index-url https://c/simple",
        "one>=1 ; python_version > '3'",
        "two[more]",
    ]
    assert read(tmp_path / "pyproject.toml") == lines
    (tmp_path / "reqs.txt").write_text("-r pyproject.toml\n")
    assert read(tmp_path / "reqs.txt") == ["-r 1-pyproject.toml"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[project]\nname = 'x'\ndynamic = ['version', 'dependencies']", "are dynamic.*uv pip compile"),
        ("[tool.poetry.dependencies]\nnumpy = '^1'", r"no \[project\] table.*poetry export"),
        ("[build-system]\nrequires = []", r"no \[project\] table"),
        ("[project]\ndependencies = ['One_x>1']\n[tool.uv.sources]\none-x = {workspace = true}",
         "takes One_x from a source of tool.uv.sources.*uv export"),
        ("[project]\ndependencies = 'numpy'", "project.dependencies is not a list"),
        ("[project", "is not valid TOML"),
    ],
)  # fmt: skip
def test_a_project_that_leaves_its_dependencies_open(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(PackageError, match=why):
        requirements(tmp_path / "pyproject.toml")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("poetry.lock", "poetry export"),
        ("Pipfile.lock", "pipenv requirements"),
        ("setup.py", "uv pip compile"),
        ("environment.yml", "conda environment.*py_executable"),
        ("analysis.ipynb", "not a file of requirements"),
    ],
)
def test_files_of_other_tools_are_named(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / name).write_text("dependencies: [numpy]")
    with pytest.raises(PackageError, match=f"{name}.*{why}"):
        requirements(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingFileError, match=r"requirements='pyproject\.toml' names the file") as caught:
        requirements("pyproject.toml")
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, PackageError)


def test_a_lock_by_uv(tmp_path: Path) -> None:
    """Made by uv itself, of a wheel on this disk, and exported by it in both forms."""
    uv = find_uv()
    assert uv
    wheel(tmp_path / "wheels", "one", "1.0", requires=["shared"])
    wheel(tmp_path / "wheels", "shared", "2.0")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["one"]\n'
        f'[tool.uv]\nfind-links = ["{tmp_path}/wheels"]\nno-index = true\n'
    )

    def by_uv(*words: str) -> None:
        subprocess.run([uv, *words, "-q", "--offline"], cwd=project, check=True)

    by_uv("lock")
    lines = read(project / "uv.lock")
    assert [line.split()[0] for line in lines if not line.startswith("-")] == ["one==1.0", "shared==2.0"]
    (project / "pyproject.toml").unlink()
    with pytest.raises(PackageError, match=r"needs the pyproject\.toml beside it"):
        requirements(project / "uv.lock")


PYLOCK = """
lock-version = "1.0"
[[packages]]
name = "one"
version = "1.0"
marker = "python_version > '3'"
index = "https://mine/simple"
wheels = [{ url = "https://mine/one-1.0-py3-none-any.whl", hashes = { sha256 = "ab" } }]
sdist = { url = "https://mine/one-1.0.tar.gz", hashes = { sha256 = "cd" } }
[[packages]]
name = "two"
vcs = { type = "git", url = "https://host/two", commit-id = "0123", subdirectory = "lib" }
[[packages]]
name = "three"
archive = { url = "https://host/three.zip", hashes = { sha256 = "ef" } }
"""


def test_a_lock_of_the_standards_form(tmp_path: Path) -> None:
    (tmp_path / "pylock.dev.toml").write_text(PYLOCK)
    assert read(tmp_path / "pylock.dev.toml") == [
        "--extra-index-url https://mine/simple",
        "one==1.0 ; python_version > '3' --hash=sha256:ab --hash=sha256:cd",
        "two @ git+https://host/two@0123#subdirectory=lib",
        "three @ https://host/three.zip --hash=sha256:ef",
    ]
    for more, why in (
        ('name = "x"\ndirectory = { path = "x" }', "has x from a directory"),
        ('name = "x"\nversion = "1"\nmarker = "\'gpu\' in extras"', "for some extras or groups only"),
    ):
        (tmp_path / "pylock.toml").write_text(f"{PYLOCK}[[packages]]\n{more}\n")
        with pytest.raises(PackageError, match=why):
            requirements(tmp_path / "pylock.toml")


@pytest.mark.parametrize(
    "word",
    ["pyproject.toml", "requirements.lock", "requirements.txt", "Pipfile.lock", "deps.YML", "setup.py",
     "dev.in",     "dev/base", "./here", "../up", "~/reqs", "dir\\reqs", "pyproject.toml[dev]", "a b/reqs",
     "reqs.txt ; x == 'y'"],
)  # fmt: skip
def test_words_that_are_never_packages(word: str) -> None:
    assert names_file(word)


@pytest.mark.parametrize(
    "word",
    ["numpy", "numpy>=2", "zope.interface", "ruamel.yaml", "ruamel.yaml.clib", "discord.py>=2",
     "x @ https://h/x.whl", "x@git+https://h/x", "git+https://h/x", "https://h/x.whl", "./x-1.whl",
     "dist/x-1.tar.gz[a]", "x[a,b]==1",
     "x; python_version>'3'", "file:///x-1.whl", "backports.tarfile", "numpy==1.26.*", "requirements.txt>=1"],
)  # fmt: skip
def test_words_that_may_be_packages(word: str) -> None:
    assert not names_file(word)


def test_urls() -> None:
    for url in (
        "git+https://h/x@v1#egg=x",
        "git+file:///r",
        "git+ssh://git@h/x.git",
        "https://h/x.whl",
        "HTTP://h/x",
    ):
        assert is_url(url)
    for other in ("x @ https://h/x.whl", "numpy", "file:///x.whl", "s3://b/x.whl", "-e git+https://h/x"):
        assert not is_url(other)
    assert is_repository("x @ git+https://h/x")
    assert is_repository("git+https://h/x")
    assert not is_repository("x @ https://h/git+x.zip")


@pytest.mark.parametrize(
    "line", ["numpy==1.26", "numpy>=1", "numpy", "--hash=sha256:ab", "x @ https://h/?a=1", "x===1"]
)
def test_what_is_not_condas(line: str) -> None:
    assert conda_hint(line) is None
