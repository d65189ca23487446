"""Files of requirements as packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.requirements import lines
from jobs_jupyter.packaging.requirements import requirements
from tests.wheels import wheel


def packaged(given: Path | list[str]) -> dict[str, str]:
    """Return the names of a package's files, and what is in those that are text."""
    taken = requirements(given)
    files = {}
    for entry in taken.manifest.entries:
        content = b"".join(taken.chunks(entry.digest))
        files[entry.path] = "" if entry.path.endswith(".whl") else content.decode()
    return files


def test_includes_get_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "top.txt").write_text(
        "# first\n-r a/same.txt\n--requirement=b/same.txt  # second\n-ca/limits.txt\n-r https://host/more.txt\n"
    )
    (tmp_path / "a" / "same.txt").write_text("one\n-r ../b/same.txt\n")
    (tmp_path / "b" / "same.txt").write_text("\ufefftwo>=1; \\\n  python_version > '3'\n")
    (tmp_path / "a" / "limits.txt").write_text("one<2")
    assert packaged(tmp_path / "top.txt") == {
        "requirements.txt": "-r 1-same.txt\n-r 2-same.txt\n-c 3-limits.txt\n-r https://host/more.txt\n",
        "1-same.txt": "one\n-r 2-same.txt\n",
        "2-same.txt": "two>=1;   python_version > '3'\n",
        "3-limits.txt": "one<2\n",
    }


def test_options_and_variables_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("PLACE", "more")
    kept = [
        "--index-url https://me:${TOKEN}@host/simple",
        "--extra-index-url https://other/simple",
        "--no-index",
        "--pre",
        "--find-links https://host/links",
        "-e git+https://host/x.git#egg=x",
        "one==1 --hash=sha256:ab",
        "two @ https://host/two.whl",
        "three[extra] ; python_version > '3'",
    ]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "x.txt").write_text("x")
    (tmp_path / "top.txt").write_text("\n".join([*kept, "-r ${PLACE}/x.txt", "-f ./more"]))
    text = packaged(tmp_path / "top.txt")["requirements.txt"].splitlines()
    assert text == [*kept, "-r 1-x.txt", f"--find-links {tmp_path / 'more'}"]


def test_an_index_that_is_a_directory_is_named_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "more" / "an index").mkdir(parents=True)
    monkeypatch.setenv("PLACE", "an index")
    (tmp_path / "more" / "top.txt").write_text(
        "-i './an index'\n--extra-index-url=${PLACE}\n--index-url ../nowhere\n"
    )
    place = (tmp_path / "more" / "an index").as_uri()
    assert packaged(tmp_path / "more" / "top.txt")["requirements.txt"].splitlines() == [
        f"--index-url {place}", f"--extra-index-url {place}", "--index-url ../nowhere",
    ]  # fmt: skip


def test_local_archives_are_taken_in(tmp_path: Path) -> None:
    made = wheel(tmp_path / "dist", "one", "1.0")
    (tmp_path / "top.txt").write_text(
        f"./dist/{made.name}\n{made}[extra] ; python_version > '3'\none[more] @ {made.as_uri()}\n"
    )
    name = f"files/1/{made.name}"
    assert packaged(tmp_path / "top.txt") == {
        "requirements.txt": f"./{name}\n./{name}[extra] ; python_version > '3'\n./{name}[more]\n",
        name: "",
    }


def test_local_archives_of_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = wheel(tmp_path / "dist", "one", "1.0")
    monkeypatch.chdir(tmp_path)
    name = f"files/1/{made.name}"
    assert packaged(["numpy>=2", f"dist/{made.name}[more]", f"{made} ; python_version > '3'"]) == {
        "requirements.txt": f"numpy>=2\n./{name}[more]\n./{name} ; python_version > '3'\n",
        name: "",
    }


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (
            ["dist/x-1-py3-none-any.whl"],
            r"requirements: the list has 'dist/x-1-py3-none-any.whl', and there is no file",
        ),
        (["--no-index", "./x.whl"], "requirements has '--no-index', which is no requirement"),
        (["one\n--no-index", "./x.whl"], "which is no requirement"),
        (["", "./x.whl"], "requirements has '', which is no requirement"),
        (
            ["numpy", "nowhere.txt"],
            "the list has 'nowhere.txt', and there is no file",
        ),
        (["numpy", "some/where"], "the list has 'some/where', and there is no file"),
        (["numpy=1.26", "./x.whl"], r"write 'numpy==1\.26\.\*'"),
    ],
)
def test_what_a_list_can_not_have(entries: list[str], why: str) -> None:
    with pytest.raises(PackageError, match=why):
        requirements(entries)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-r nowhere.txt", "line 1 of .*top.txt.* names the file .*nowhere.txt.* can't be read"),
        ("\n./dist/x.whl", "line 2 of .* there is no file"),
        ("-e .", "'-e \\.', a directory, .* build a wheel"),
        ("./here", "'./here', a directory"),
        ("lib @ file:///tmp", "a directory"),
        ("-r top.txt", "includes itself"),
        ("more.txt", "has the file 'more.txt'; include it with '-r more.txt'"),
        ("numpy\npyproject.toml", "line 2 of .* has the file 'pyproject.toml'"),
        ("numpy=1.26", r"line 1 of .*'numpy=1\.26' is conda's .*; write 'numpy==1\.26\.\*'"),
        ("numpy = 1.26.4=py311_0", r"write 'numpy==1\.26\.4'"),
        ("numpy=1.*", r"write 'numpy==1\.\*'"),
        ("name: env\ndependencies:\n  - numpy", "'name: env' is a line for conda"),
        ("- numpy", "'- numpy' is a line for conda"),
        ("conda-forge::numpy", "is a line for conda"),
        ("@EXPLICIT", "is a line for conda"),
    ],
)
def test_what_can_not_be_taken_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "top.txt").write_text(text)
    with pytest.raises(PackageError, match=why):
        requirements(tmp_path / "top.txt")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "top.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PackageError, match=r"requirements=.*is not UTF-16-LE text"):
        requirements(tmp_path / "top.txt")
    with pytest.raises(PackageError, match="which can't be read: Is a directory"):
        requirements(tmp_path)


def test_a_wheel_is_no_file_of_requirements(tmp_path: Path) -> None:
    (tmp_path / "one-1.0-py3-none-any.whl").write_bytes(b"PK\xff")
    with pytest.raises(PackageError, match=r"give it in a list: \['.*one-1\.0-py3-none-any\.whl'\]"):
        requirements(tmp_path / "one-1.0-py3-none-any.whl")


def test_lines_are_joined_and_counted() -> None:
    text = "# no \\\none \\\n  --hash=x \\\n  --hash=y\n\ntwo # why\nhttps://host/#egg=x\nlast \\"
    assert list(lines(text)) == [
        (2, "one   --hash=x   --hash=y"), (6, "two"), (7, "https://host/#egg=x"), (8, "last"),
    ]  # fmt: skip
