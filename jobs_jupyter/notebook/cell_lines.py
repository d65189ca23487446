"""Cells in which `%%job` or `%job` stands as IPython alone would not read it."""

from __future__ import annotations

import re

from IPython.core.inputtransformer2 import TransformerManager

_MAGIC = re.compile(r"[\s\ufeff\u200b]*%%[^\S\n]?job(?![\w?.])(?P<rest>.*)", re.IGNORECASE)
_HELP = re.compile(r"\s*%job\s+(?P<verb>[a-z]+)\s*\?+\s*")
_SPACE = re.compile(r"^(?P<magic>\s*%job)[^\S\n ]")
_OTHER_MAGIC = re.compile(r"\s*%%")


def as_meant(lines: list[str]) -> list[str]:
    """Return the lines of a cell for IPython; those without our magics as they are.

    `%%job` is found beside spaces that IPython does not know, and may have nothing below it; where it is not
    the first line, the cell becomes a sentence that says so. `%job VERB?` asks for help.
    """
    if not any("%job" in line.lower() or "% job" in line.lower() for line in lines):
        return lines
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    match = _MAGIC.match(lines[first])
    if match is None and _OTHER_MAGIC.match(lines[first]):
        return lines  # %%writefile and its like: text
    if said := _misplaced(lines, first, opened=match is not None):
        return [f"__import__('jobs_jupyter.notebook.magics', fromlist=['refuse']).refuse({said!r})\n"]
    if match is None:
        return [_with_help(_SPACE.sub(r"\g<magic> ", line, count=1)) for line in lines]
    rest = match["rest"].removeprefix("\t").removeprefix(" ").rstrip("\r\n")
    return [f"%%job {rest}\n", *(lines[first + 1 :] or ["\n"])]


def _misplaced(lines: list[str], first: int, *, opened: bool) -> str | None:
    """Return what is wrong with where `%%job` stands; None: nothing."""
    begin = first + 1 if opened else first
    for number in range(begin, len(lines)):
        if not _MAGIC.match(lines[number]) or not _is_whole("".join(lines[begin:number])):
            continue
        if opened:
            return "The cell has two %%job lines. Write each into a cell of its own."
        above = lines[first].strip()
        what = "comment" if above.startswith("#") else "code"
        return (
            f"%%job has to be the first line of its cell. Move the {what} above it ({_cut(above)}) elsewhere."
        )
    return None


def _is_whole(text: str) -> bool:
    """Whether the text is not within a string or brackets at its end."""
    states = (TransformerManager().check_complete(each)[0] for each in (text, f"{text.rstrip()}\n\n\n"))
    return not text.strip() or any(state != "incomplete" for state in states)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _with_help(line: str) -> str:
    match = _HELP.fullmatch(line)
    return f"%job {match['verb']} --help\n" if match else line
