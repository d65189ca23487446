"""Telling a container engine to do something, and learning why it could not."""

from __future__ import annotations

from jobs_jupyter.service import tools
from jobs_jupyter.service.engines import Engine
from jobs_jupyter.service.preparation import Progress

KEPT = 4096  # bytes of what an engine says that are looked at for why it failed
LONGEST = 1000  # characters of a reason


async def tell(command: list[str], progress: Progress) -> str | None:
    """Run an engine's command, what it says going into the setup log; return why it failed, if it did."""
    said = bytearray()

    def heard(piece: bytes) -> None:
        progress.write(piece)
        said.extend(piece)
        del said[:-KEPT]

    if await tools.run(command, heard) == 0:
        return None
    return reason(said.decode(errors="replace"))


async def output(engine: Engine, *words: str) -> tuple[int, str]:
    """Return the exit code of an engine's command, and what it says."""
    said = bytearray()
    code = await tools.run([engine.program, *words], said.extend)
    return code, said.decode(errors="replace")


async def image_id(engine: Engine, image: str) -> str | None:
    """Return the id of an image that is here; None where it is not."""
    code, said = await output(engine, "image", "inspect", "--format", "{{.Id}}", image)
    return said.split()[-1] if code == 0 and said.split() else None


def reason(said: str) -> str:
    """Return the line in which an engine says why it failed: the last with `error`, else the last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it does not say why"])[-1][:LONGEST]
