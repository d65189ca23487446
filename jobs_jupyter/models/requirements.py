"""The form of a file of requirements, as pip and uv read it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

FILE_OPTIONS = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(--[A-Za-z][A-Za-z-]*)(?:\s*=\s*|\s+|$)(.*)|(-[A-Za-z])\s*=?\s*(.*)")
_LOCAL = re.compile(
    r"(?:(?P<name>[A-Za-z0-9._-]+)\s*(?P<wanted>\[[^\]]*\])?\s*@\s*)?"
    r"(?P<path>.+?)(?P<extras>\[[^\]]*\])?(?P<rest>\s+;.*|\s+--.*)?"
)
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


class LocalFile(NamedTuple):
    """A requirement by a path on this machine: `./a-1.0.tar.gz[extra] ; python_version > '3'`."""

    path: str
    extras: str  # with the brackets, "" where there are none
    rest: str  # a marker, or an option such as a hash


def local_file(requirement: str) -> LocalFile | None:
    """Return the file that a requirement names; None where it is one for an index, or a URL."""
    if (match := _LOCAL.fullmatch(requirement)) is None:
        return None
    path = _local_path(match["name"], match["path"].strip())
    extras = match["wanted"] or match["extras"] or ""
    return None if path is None else LocalFile(path, extras, match["rest"] or "")


def _local_path(name: str | None, target: str) -> str | None:
    if target.startswith("file:"):
        return unquote(urlsplit(target).path)
    if "://" in target:
        return None
    is_path = target.startswith((".", "/", "~")) or os.sep in target.partition(";")[0]
    return target if is_path or (name is None and target.endswith(ARCHIVES)) else None


def variables(text: str) -> set[str]:
    """Return the names of the environment variables that stand in it as `${NAME}`."""
    return set(_VARIABLE.findall(text))


def expanded(text: str, environment: dict[str, str]) -> str:
    """Return the text with the value of each `${NAME}` that the environment has."""
    return _VARIABLE.sub(lambda found: environment.get(found[1], found[0]), text)
