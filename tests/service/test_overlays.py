"""Environments on top of an interpreter: made by pip where there is no uv, and deleted when not used."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jobs_jupyter.models.paths import StatePaths
from jobs_jupyter.models.programs import find_uv
from jobs_jupyter.service import installers
from jobs_jupyter.service.installers import InstallError
from jobs_jupyter.service.interpreters import Interpreters
from jobs_jupyter.service.overlays import Overlay, Overlays, Recipe
from jobs_jupyter.service.packages import PackageFiles
from jobs_jupyter.service.preparation import Progress
from jobs_jupyter.service.required import Required
from tests.jobs import eventually
from tests.wheels import wheel


class Making:
    """Makes environments in this process, and keeps what is said of it."""

    def __init__(self, root: Path, uv: str | None) -> None:
        self.paths = StatePaths(root / "home")
        self.overlays = Overlays(self.paths, PackageFiles(self.paths), uv)
        self.said: list[str] = []
        self.log = root / "log"
        self.note = root / "note"
        self.environment = {
            **os.environ,
            "UV_CACHE_DIR": str(root / "uv-cache"),
            "PIP_CACHE_DIR": str(root / "pip-cache"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(root / "wheels"),
        }

    async def _say(self, text: str) -> None:
        self.said.append(text)

    async def get(self, *wanted: str, python: str | Path = sys.executable, log: str = "log") -> Overlay:
        interpreter = await Interpreters().ask(str(python))
        recipe = Recipe(interpreter, Required(wanted, self.environment))
        progress = Progress(self.log.with_name(log), self._say)
        return await self.overlays.get(recipe, progress, self.note)

    def builds(self) -> list[Path]:
        """Return the directories that environments were built in."""
        return list(self.paths.overlay_builds.glob("*"))


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    wheel(tmp_path / "wheels", "one", "1.0", requires=["shared>=1"], program="one-says")
    wheel(tmp_path / "wheels", "shared", "2.0")
    return tmp_path / "wheels"


def says(overlay: Overlay) -> bytes:
    code = "import one, shared, pydantic; one.main()"
    return subprocess.run([overlay.programs / "python", "-c", code], capture_output=True, check=True).stdout


@pytest.mark.usefixtures("wheels")
def test_pip_where_there_is_no_uv(tmp_path: Path) -> None:
    making = Making(tmp_path, None)
    overlay = asyncio.run(making.get("one"))
    assert says(overlay) == b"one 1.0\n"
    assert (
        subprocess.run([overlay.programs / "one-says"], capture_output=True, check=True).stdout
        == b"one 1.0\n"
    )
    assert "building environment: installing shared, one" in making.said or making.said[-1].endswith(
        "with pip"
    )
    assert b"Successfully installed one-1.0 shared-2.0" in making.log.read_bytes()
    with pytest.raises(InstallError, match=r"requirements can't be installed: .*nosuch"):
        asyncio.run(making.get("nosuch"))


@pytest.mark.usefixtures("wheels")
def test_ten_at_once_share_one_build_and_its_log(tmp_path: Path) -> None:
    making = Making(tmp_path, find_uv())
    names = [f"log-{number}" for number in range(10)]

    async def together() -> list[Overlay]:
        return list(await asyncio.gather(*(making.get("one", log=name) for name in names)))

    assert len(set(asyncio.run(together()))) == len(making.builds()) == 1
    (shown,) = {(tmp_path / name).read_bytes() for name in names}
    assert shown.startswith(b"Making an environment with one\n")
    assert b" + one==1.0\n" in shown


@pytest.mark.usefixtures("wheels")
def test_a_build_goes_on_for_those_who_still_wait_and_no_longer(tmp_path: Path) -> None:
    making = Making(tmp_path, find_uv())

    async def one_leaves() -> None:
        first = asyncio.create_task(making.get("one", log="first"))
        second = asyncio.create_task(making.get("one", log="second"))
        await asyncio.to_thread(eventually, lambda: "building environment: resolving" in making.said)
        first.cancel()
        assert says(await second) == b"one 1.0\n"
        assert first.cancelled()

    async def all_leave() -> None:
        waiting = [asyncio.create_task(making.get("shared", log=name)) for name in ("first", "second")]
        await asyncio.to_thread(eventually, lambda: len(making.builds()) == 2)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.to_thread(eventually, lambda: len(making.builds()) == 1)

    asyncio.run(asyncio.wait_for(one_leaves(), 60))
    asyncio.run(asyncio.wait_for(all_leave(), 60))
    assert len(making.overlays.all()) == 1


@pytest.mark.usefixtures("wheels")
def test_settings_of_pip_count_for_uv(tmp_path: Path) -> None:
    making = Making(tmp_path, find_uv())
    assert says(asyncio.run(making.get("one"))) == b"one 1.0\n"
    assert making.said == [
        "building environment", "building environment: resolving",
        "building environment: installing one, shared",
    ]  # fmt: skip


@pytest.mark.usefixtures("wheels")
@pytest.mark.parametrize("uv", [find_uv(), None], ids=["uv", "pip"])
def test_it_is_compiled(tmp_path: Path, uv: str | None) -> None:
    overlay = asyncio.run(Making(tmp_path, uv).get("one"))
    compiled = Path(overlay.root).glob("venv/lib/python*/site-packages/__pycache__/*.pyc")
    assert {path.name.partition(".")[0] for path in compiled} == {"one", "shared"}


@pytest.mark.usefixtures("wheels")
def test_neither_uv_nor_pip_is_said(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    without = next(bare.glob("lib/python*/site-packages")) / "sitecustomize.py"
    without.write_text("import sys\nsys.modules['ensurepip'] = None\n")
    making = Making(tmp_path, None)
    with pytest.raises(InstallError, match=r"there is no uv here.*install uv"):
        asyncio.run(making.get("one", python=bare / "bin" / "python"))


@pytest.mark.usefixtures("wheels")
def test_only_what_is_old_is_deleted(tmp_path: Path) -> None:
    making = Making(tmp_path, find_uv())
    overlay = asyncio.run(making.get("one"))
    ((known, used_at),) = making.overlays.all()
    assert (known, known.label) == (overlay, "one")
    assert known.bytes > 1000
    assert used_at > time.time() - 60
    assert not asyncio.run(making.overlays.evict(overlay.digest, 3600))
    record = making.paths.overlay(overlay.digest)
    os.utime(record, (1, 1))
    assert asyncio.run(making.overlays.evict(overlay.digest, 3600))
    assert not record.exists()
    assert not Path(overlay.root).exists()
    assert says(asyncio.run(making.get("one"))) == b"one 1.0\n"


@pytest.mark.usefixtures("wheels")
def test_what_is_damaged_or_unfinished_is_made_again(tmp_path: Path) -> None:
    making = Making(tmp_path, find_uv())
    first = asyncio.run(making.get("one"))
    (first.programs / "python").unlink()
    (making.paths.overlay_builds / "unfinished").mkdir()
    assert making.overlays.leftovers() == [making.paths.overlay_builds / "unfinished"]
    second = asyncio.run(making.get("one"))
    assert second.digest == first.digest
    assert second.root != first.root
    assert not Path(first.root).exists()
    making.paths.overlay(first.digest).write_text("{")
    assert asyncio.run(making.get("one")).root not in (first.root, second.root)


@pytest.mark.usefixtures("wheels")
def test_the_name_depends_on_what_it_is_made_from(tmp_path: Path) -> None:
    async def names() -> list[str]:
        interpreter = await Interpreters().ask(sys.executable)
        made = [
            Recipe(interpreter, Required(("a", "b"), {})),
            Recipe(interpreter, Required(("b", "a"), {"HOME": "/elsewhere"})),
            Recipe(interpreter, Required(("a",), {})),
            Recipe(interpreter, Required(("a",), {"UV_INDEX_URL": "https://me:old@host/"})),
            Recipe(interpreter, Required(("a",), {"UV_INDEX_URL": "https://me:new@host/"})),
        ]
        return [recipe.digest() for recipe in made]

    first, same, other, index, renewed = asyncio.run(names())
    assert (first, index) == (same, renewed)
    assert len({first, other, index}) == 3


INCLUDED = """\
error: Error parsing included file in `wanted.txt` at position 103
  cause: Couldn't parse requirement in `requirements.txt` at position 11
  cause: Expected `@`, found t
         one two
             ^
"""


@pytest.mark.parametrize(
    ("said", "short"),
    [
        (
            "error: No solution found\n  cause: Because a\n         and b.\n  cause: c\n",
            "No solution found: Because a and b.",
        ),
        (
            "  \N{MULTIPLICATION SIGN} No solution found:\n  \u2570\u2500\u25b6 Because a\n",
            "No solution found: Because a",
        ),
        (
            "Looking in links\nERROR: No matching distribution found for x\n",
            "No matching distribution found for x",
        ),
        (
            INCLUDED,
            "Couldn't parse requirement in `requirements.txt` at position 11: Expected `@`, found t one two",
        ),
        ("error: included file in `wanted.txt`\n", "included file in `wanted.txt`"),
        ("", "the installer says nothing"),
        ("first\nlast\n", "last"),
    ],
)
def test_the_reason_in_a_line(said: str, short: str) -> None:
    assert installers.reason(said) == short


@pytest.mark.parametrize(
    ("line", "doing"),
    [
        (b"Downloading torch (700.0MiB)", "building environment: Downloading torch (700.0MiB)"),
        (b"Collecting torch (from -r x)", "building environment: Collecting torch"),
        (
            b"Installing collected packages: a, b, c, d, e",
            "building environment: installing a, b, c and 2 more",
        ),
        (b" + torch==2.0", None),
    ],
)
def test_what_an_installer_is_doing(line: bytes, doing: str | None) -> None:
    assert installers.activity(line) == doing
