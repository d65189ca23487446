"""A log that runs away keeps its beginning and its end, at their offsets; what goes is marked."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter import job
from jobs_jupyter.client import service as client_service
from jobs_jupyter.client.link import Link
from jobs_jupyter.client.log_follow import LogFollower, LogPart, LogRequest
from jobs_jupyter.client.streams import log
from jobs_jupyter.models.log_gap import LogGap, gap_of, mark
from jobs_jupyter.models.paths import RunPaths, StatePaths
from jobs_jupyter.service import follow, logs
from jobs_jupyter.service.log_bound import LogBound
from tests.cli.program import PROGRAM
from tests.jobs import run
from tests.noise import noise
from tests.service import shimmed
from tests.service.log_texts import text_of
from tests.service.test_logs import CONTENTS, model

MIB = 1 << 20
LINES = 'import sys, time\nfor n in range({}): print(n, "x" * 90)\nsys.stdout.flush()\ntime.sleep({})'


def test_the_middle_goes_while_the_run_goes_on(tmp_path: Path) -> None:
    code = LINES.format(60_000, 1.6)
    found = shimmed.run(tmp_path, f"{sys.executable} -c '{code}'", log_max_bytes=MIB)
    assert (found["cause"], found["exit_code"]) == ("exit", 0)
    path = RunPaths(tmp_path).log
    written = "".join(f"{n} {'x' * 90}\n" for n in range(60_000)).encode()
    gap = gap_of(path)
    assert gap is not None
    assert gap.start == MIB // 8
    kept = path.read_bytes()
    assert len(kept) == len(written)
    assert (kept[: gap.start], kept[gap.end :]) == (written[: gap.start], written[gap.end :])
    assert not any(kept[gap.start : gap.end])
    assert len(written) - gap.end >= MIB // 2
    assert path.stat().st_blocks * 512 <= MIB + 8192
    assert logs.read(text_of(path), "TAIL", 1) == b"59999 " + b"x" * 90 + b"\n"
    assert mark(gap.end - gap.start) in logs.read(text_of(path), "HEAD", None)


def test_what_was_written_since_the_last_look_goes_with_the_end(tmp_path: Path) -> None:
    found = shimmed.run(tmp_path, "yes | head -c 8000000; echo last", log_max_bytes=MIB)
    assert (found["cause"], found["exit_code"]) == ("exit", 0)
    path = RunPaths(tmp_path).log
    assert path.stat().st_size == 8_000_005
    assert path.stat().st_blocks * 512 <= MIB + 8192
    assert gap_of(path) is not None
    assert logs.read(text_of(path), "TAIL", 1) == b"last\n"


def test_a_gap_only_grows(tmp_path: Path) -> None:
    path = tmp_path / "log"
    bound = LogBound(str(path), f"{path}.gap", MIB)
    ends = []
    for _ in range(12):
        with open(path, "ab") as file:
            file.write(noise(300_000))
        before = path.read_bytes()
        assert bound.keep()
        assert bound.hurried
        gap = gap_of(path)
        after = path.read_bytes()
        start, end = gap or (0, 0)
        assert (after[:start], after[end:]) == (before[:start], before[end:])
        assert path.stat().st_blocks * 512 <= MIB + 8192
        ends.append(end)
    assert bound.keep()
    assert not bound.hurried
    assert ends == sorted(ends)
    assert len(set(ends)) > 3


def test_a_log_without_a_bound_and_a_log_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert LogBound(str(path), f"{path}.gap", 10).keep()
    path.write_bytes(b"x" * 100_000)
    assert LogBound(str(path), f"{path}.gap", None).keep()
    assert gap_of(path) is None


def test_where_no_hole_can_be_made_the_run_is_ended(tmp_path: Path) -> None:
    """On a ramfs, in a mount namespace of its own; it has no holes."""
    folder = tmp_path / "ramfs"
    folder.mkdir()
    code = (
        "import pathlib, sys, json\nfrom tests.service import shimmed\n"
        f"found = shimmed.run(pathlib.Path({str(folder)!r}), 'yes', log_max_bytes=1 << 20)\n"
        "print(json.dumps(found))\n"
        f"print(pathlib.Path({str(folder)!r}, 'log.gap').exists())"
    )
    mount = f'mount -t ramfs none {folder} && exec "$@"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"this test needs unshare and mount: {done.stderr}"
    found, gap = done.stdout.splitlines()
    assert json.loads(found)["cause"] == "log"
    assert json.loads(found)["limit"] == MIB
    assert gap == "False"


# --- reading ----------------------------------------------------------------------------------------


def with_gap(folder: str, before: bytes, hole: int, after: bytes) -> tuple[Path, LogGap]:
    path = Path(folder, "log")
    path.write_bytes(before + b"\0" * hole + after)
    gap = LogGap(len(before), len(before) + hole)
    Path(folder, "log.gap").write_text(json.dumps(gap))
    return path, gap


@given(
    CONTENTS, CONTENTS, st.integers(1, 5), st.sampled_from(["HEAD", "TAIL"]), st.none() | st.integers(1, 12),
    st.integers(1, 9),
)  # fmt: skip
def test_lines_around_any_gap(
    before: bytes, after: bytes, hole: int, mode: str, count: int | None, block: int
) -> None:
    with TemporaryDirectory() as folder, patch.object(logs, "BLOCK", block):
        path, _ = with_gap(folder, before, hole, after)
        apart = b"\n" if before and not before.endswith(b"\n") else b""
        assert logs.read(text_of(path), mode, count) == model(
            before + apart + mark(hole) + after, mode, count
        )


def test_a_gap_of_a_terabyte_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with open(path, "wb") as file:
        file.write(b"first\n")
        file.truncate(1 << 40)
        file.seek(0, 2)
        file.write(b"last\n")
    (tmp_path / "log.gap").write_text(json.dumps([6, 1 << 40]))
    assert logs.read(text_of(path), "HEAD", None) == b"first\n" + mark((1 << 40) - 6) + b"last\n"
    assert logs.read(text_of(path), "TAIL", 3) == logs.read(text_of(path), "HEAD", 3)


@given(st.integers(-30, 30))
def test_what_is_sent_first(offset: int) -> None:
    gap = LogGap(5, 15)
    first = follow.first(offset, 20, gap)
    assert not gap.start <= first < gap.end
    if offset >= 0:
        assert first == (15 if 5 <= offset < 15 else offset)
    else:
        assert first == max(15, 20 + offset)


def test_a_gap_that_opens_while_the_log_is_sent(tmp_path: Path) -> None:
    """Nothing of what is being left out is sent, whenever the gap opens."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * (3 * follow.CHUNK))

    async def sent() -> bytes:
        got = b""
        async for piece in follow.span(text_of(path), 0, 3 * follow.CHUNK):
            got += piece
            (tmp_path / "log.gap").write_text(json.dumps([follow.CHUNK + 10, 2 * follow.CHUNK]))
        return got

    assert asyncio.run(sent()) == b"x" * (follow.CHUNK + 10)


def test_readers_with_a_service(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK, a stream that follows and the panel's download, of a log with a gap."""
    monkeypatch.setenv("JOBS_JUPYTER_LOG_MAX_BYTES", "1Mi")
    bounded = run("yes | head -c 3000000; while [ ! -e ../log.gap ]; do sleep 0.02; done; echo end")
    gap = gap_of(StatePaths(service).job(bounded.id).run(bounded.runs[0].name).log)
    assert gap is not None
    start, marked, end = job.get_logs(id=bounded.id).partition(mark(gap.end - gap.start).decode())
    assert (len(start), end[-6:], bool(marked)) == (MIB // 8, "y\nend\n", True)
    status = run("printf 'first\\nsecond'")
    name = status.runs[0].name
    paths = StatePaths(service).job(status.id).run(name)
    with_gap(str(paths.root), b"first\nsecond", 100_000, b"rest\nlast\n")
    shown = b"first\nsecond\n" + mark(100_000) + b"rest\nlast\n"
    assert job.get_logs(id=status.id).encode() == shown
    assert job.get_logs(id=status.id, mode="HEAD", max_lines=3).encode().endswith(mark(100_000))
    assert b"".join(log(status.id, name, time.monotonic() + 20)) == shown
    for lines, expected in ((1, b"last\n"), (9, mark(100_000) + b"rest\nlast\n")):
        command = [PROGRAM, "logs", "-f", "--lines", str(lines), status.id]
        assert subprocess.check_output(command) == expected
    assert asyncio.run(collected(status.id, name)) == [
        LogPart(0, b"first\nsecond"),
        LogPart(100_012, b"rest\nlast\n", passed_over=100_000),
        LogPart(100_022, ended=True),
    ]


async def collected(job_id: str, run_name: str) -> list[LogPart]:
    parts: list[LogPart] = []

    async def sink(part: LogPart) -> None:
        parts.append(part)

    link = Link(client_service.ensure)
    try:
        await LogFollower(link, job_id, LogRequest(run_name, 0, whole=True), sink).run()
    finally:
        await link.close()
    return parts
