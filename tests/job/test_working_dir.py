"""`working_dir`: a snapshot at submit, a copy for each run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from jobs_jupyter import job
from jobs_jupyter.job.models import JobConfig
from jobs_jupyter.models.errors import PackageError
from tests.jobs import ended, output, run, running, submit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with what a project has."""
    root = tmp_path / "project"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "main.py").write_text("import sub.mod; print(sub.mod.NAME)\n")
    (root / "sub" / "mod.py").write_text("NAME = 'mod'\n")
    (root / "sub" / "deep" / "data.bin").write_bytes(bytes(range(256)) * 300)
    (root / "zero").touch()
    (root / "größe 🎈.txt").write_text("ü")
    (root / "tool").write_text("#!/bin/sh\necho tool\n")
    (root / "tool").chmod(0o755)
    (root / "private").write_text("p")
    (root / "private").chmod(0o600)
    (root / "link").symlink_to("sub/mod.py")
    (root / "dirlink").symlink_to("sub")
    (root / "dangling").symlink_to("not-there")
    for left_out in (".git", ".venv", "__pycache__", "node_modules", "venv", ".ipynb_checkpoints"):
        (root / left_out).mkdir()
        (root / left_out / "file").write_text("no")
    return root


def test_a_run_has_the_directory_as_it_was(service: Path, folder: Path) -> None:
    listing = output("find . -mindepth 1 | sort; echo; stat -c '%a %n' tool private", working_dir=str(folder))
    assert listing.split("\n\n")[0].splitlines() == sorted(
        f"./{name}"
        for name in (
            *("dangling", "dirlink", "empty", "größe 🎈.txt", "link", "main.py", "private"),
            *("sub", "sub/deep", "sub/deep/data.bin", "sub/mod.py", "tool", "zero"),
        )
    )
    assert listing.split("\n\n")[1].split("\n")[:2] == ["755 tool", "600 private"]
    command = (
        "python main.py && ./tool && readlink link dirlink dangling && cat link dirlink/mod.py zero &&"
        "sha256sum < sub/deep/data.bin | cut -c-8 && cat *.txt && touch new sub/new && echo x >> main.py"
    )
    assert output(command, working_dir=str(folder)).splitlines() == [
        *("mod", "tool", "sub/mod.py", "sub", "not-there", "NAME = 'mod'", "NAME = 'mod'"),
        *(digest(folder / "sub/deep/data.bin")[:8], "ü"),
    ]
    assert not (folder / "new").exists()
    assert (folder / "main.py").read_text().count("\n") == 1


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_later_edits_change_nothing(service: Path, folder: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = f"until [ -e {gate} ]; do sleep 0.05; done; cat sub/mod.py; test $JOBS_JUPYTER_RUN_ATTEMPT = 2"
    job_id = running(submit(wait, working_dir=str(folder), max_retries=1))
    (folder / "sub" / "mod.py").write_text("changed")
    (folder / "main.py").unlink()
    gate.touch()
    status = ended(job_id)
    logs = [job.get_logs(id=job_id, run=each.name) for each in status.runs]
    assert logs == ["NAME = 'mod'\n"] * 2


def test_what_one_run_writes_no_other_sees(service: Path, folder: Path) -> None:
    command = "ls; echo mine > main.py; echo mine > sub/mod.py; rm -r zero; touch extra"
    first, second = (output(command, working_dir=str(folder)) for _ in range(2))
    assert first == second
    assert output("cat main.py", working_dir=str(folder)) == (folder / "main.py").read_text()


def test_the_same_content_is_stored_once(service: Path, folder: Path) -> None:
    first = run("true", working_dir=str(folder))
    blobs = sorted(service.glob("packages/blobs/*/*"))
    (folder / "copy.bin").write_bytes((folder / "sub" / "deep" / "data.bin").read_bytes())
    (folder / "main.py").touch()
    second = run("cmp copy.bin sub/deep/data.bin", working_dir=str(folder))
    assert second.state == "SUCCEEDED"
    assert sorted(service.glob("packages/blobs/*/*")) == blobs, "no content is new"
    third = run("true", working_dir=str(folder))
    assert third.config.working_dir == second.config.working_dir != first.config.working_dir
    assert len(list(service.glob("packages/manifests/*"))) == 2


def test_excludes_and_gitignore(service: Path, folder: Path) -> None:
    (folder / ".gitignore").write_text("*.bin\n")
    (folder / "keep.bin").write_text("kept")
    found = output("find . -type f | sort", working_dir=str(folder)).split("\n")
    assert "./sub/deep/data.bin" not in found
    excludes = ["/sub/*.py", "!keep.bin", "!.venv", "größe*"]
    found = output("find . -type f | sort", working_dir=str(folder), excludes=excludes).splitlines()
    assert sorted(found) == sorted(
        ["./.gitignore", "./.venv/file", "./keep.bin", "./main.py", "./private", "./tool", "./zero"]
    )
    assert ended(job.submit(JobConfig(entrypoint="true", working_dir=str(folder)))).state == "SUCCEEDED"


def test_a_relative_path_and_a_home(
    service: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(folder)
    assert output("python main.py", working_dir=".") == "mod\n"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert output("python main.py", working_dir="~/project") == "mod\n"


def test_a_link_that_leads_out_is_named(service: Path, folder: Path) -> None:
    (folder / "out").symlink_to("/etc/hostname")
    with pytest.raises(PackageError, match=r"'out'.*'/etc/hostname'"):
        submit("true", working_dir=str(folder))
    assert list(job.list()) == []
    assert output("ls", working_dir=str(folder), excludes=["out"]).count("out") == 0


def test_the_state_directory_is_never_packaged(service: Path) -> None:
    run("true")
    os.makedirs(service.parent / "mine", exist_ok=True)
    assert output("ls", working_dir=str(service.parent)) == "mine\n"
    with pytest.raises(PackageError, match="state directory"):
        submit("true", working_dir=str(service))


def test_a_job_may_submit_its_own_directory(service: Path, folder: Path) -> None:
    code = "from tests.jobs import output; import os\nprint(output('cat inner', working_dir='.'), end='')\n"
    (folder / "submit.py").write_text(code)
    root = Path(__file__).parents[2]
    command = f"echo from the outer > inner; PYTHONPATH={root} python submit.py"
    assert output(command, working_dir=str(folder)) == "from the outer\n"
