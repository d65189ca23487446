"""The directory that a cell's job gets a copy of, where nobody names one."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from jobs_jupyter import job
from tests.notebook.conftest import Kernel

pytestmark = pytest.mark.notebook


def test_a_home_that_is_a_link_is_not_packaged(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "real" / ".ssh").mkdir(parents=True)
    (tmp_path / "real" / ".ssh" / "id_rsa").write_text("a key")
    (tmp_path / "home").symlink_to(tmp_path / "real")
    kernel(f"import os\nos.environ['HOME'] = {str(tmp_path / 'home')!r}\n%cd -q {tmp_path}/home")
    ls = "import os\nprint(sorted(os.listdir()))"
    shown = kernel(f"%%job inside --wait\n{ls}")
    assert f"Not packaging {tmp_path}/real: it is your home directory. Pass -w . to include it." in shown.text
    assert job.get_logs(name="inside") == "['.jobs_jupyter']\n"
    assert "Not packaging" not in kernel(f"%%job named -w . --wait\n{ls}").text
    assert "'.ssh'" in job.get_logs(name="named")
    kernel("%cd -q ..")
    assert "a directory that holds your home directory" in kernel(f"%%job above --wait\n{ls}").text


def test_a_file_that_a_rule_keeps_from_a_cell(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "here" / ".gitignore").write_text("*.csv\n")
    (tmp_path / "here" / "a.csv").write_text("1")
    assert "FileNotFoundError" in kernel("%%job misses --wait\nopen('a.csv')").error
    shown = kernel("import jobs_jupyter\njobs_jupyter.get('misses')").data["text/html"]
    assert "'a.csv' was left out of the job's directory by *.csv (.gitignore)" in html.unescape(shown)


def test_a_directory_that_was_deleted(kernel: Kernel) -> None:
    kernel("import os\nos.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')")
    for line in ("%%job", "%%job -w .", "%%job -w none --py-module mine", "%%job -w none -r some.txt"):
        shown = kernel(f"{line}\nprint(1)")
        assert "The current directory no longer exists; change to another one with cd" in shown.error
        assert shown.error.count("\n") == 0
    assert kernel("%%job elsewhere -w none --wait\nprint('it works')").error == ""
    assert job.get_logs(name="elsewhere") == "it works\n"
