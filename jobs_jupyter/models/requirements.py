"""The form of a file of requirements, as pip and uv read it."""

from __future__ import annotations

import re
from collections.abc import Iterator

FILE_OPTIONS = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|$)(.*)|(-[A-Za-z])\s*=?\s*(.*)")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield what is asked for line by line, with its line's number: continued lines joined, no comments."""
    held, began = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        began = began or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held += line[:-1]
            continue
        found = _COMMENT.sub("", held + line).strip()
        if found:
            yield began, found
        held, began = "", 0
    if found := _COMMENT.sub("", held).strip():
        yield began, found


def option(line: str) -> tuple[str, str] | None:
    """Return an option and its value, "" where it has none; None: the line is a requirement."""
    if (match := _OPTION.fullmatch(line)) is None:
        return None
    value = (match[2] or match[4] or "").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return match[1] or match[3], value


def is_archive(entry: str) -> bool:
    """Whether it is the path of a wheel or a source archive, perhaps with extras: `dist/a-1.0.tar.gz[b]`."""
    path = entry.partition(";")[0].partition("[")[0].strip()
    return "://" not in path and path.endswith(ARCHIVES)


def variables(text: str) -> set[str]:
    """Return the names of the environment variables that stand in it as `${NAME}`."""
    return set(_VARIABLE.findall(text))


def expanded(text: str, environment: dict[str, str]) -> str:
    """Return the text with the value of each `${NAME}` that the environment has."""
    return _VARIABLE.sub(lambda found: environment.get(found[1], found[0]), text)
