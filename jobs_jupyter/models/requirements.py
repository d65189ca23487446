"""The form of a file of requirements, as pip and uv read it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

FILE_OPTIONS = {"-r": "-r", "--requirement": "-r", "-c": "-c", "--constraint": "-c"}
ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")
FILE_SUFFIXES = (
    ".txt", ".in", ".toml", ".lock", ".yml", ".yaml", ".cfg", ".ini", ".conf", ".json", ".py", ".ipynb",
    ".csv", ".list", ".req", ".reqs", ".pip", ".md", ".rst", ".env", ".xml", ".sh",
)  # fmt: skip
_PACKAGES_NAMED_LIKE_FILES = frozenset({"ruamel.yaml", "discord.py", "web.py"})
_URL = re.compile(r"(?:(?:git|hg|svn|bzr)\+[a-z+.-]+|https?|ftp)://\S.*", re.IGNORECASE)
_CONDA_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)\s*=\s*(?P<version>[0-9][^=\s,]*)(?P<build>=\S*)?")
_CONDA_LINE = re.compile(r"-\s.*|(?:name|channels|dependencies|prefix)\s*:.*|@EXPLICIT|[A-Za-z0-9_.-]+::\S.*")
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


def is_url(entry: str) -> bool:
    """Whether it is the bare URL of an archive or a repository: `git+https://host/tool@v1`."""
    return _URL.fullmatch(entry.strip()) is not None


def is_repository(requirement: str) -> bool:
    """Whether it is taken from a repository, by its URL alone or behind a name."""
    return re.match(r"(?:[^@;]*@\s*)?(?:git|hg|svn|bzr)\+", requirement) is not None


def names_file(entry: str) -> bool:
    """Whether it can only mean a file of requirements, there or not: it is never asked of an index.

    That is a word with a separator, or with the suffix of a file, as `dev/base` or `pyproject.toml`.
    """
    word = entry.partition(";")[0].partition("[")[0].strip()
    if not word or is_archive(entry) or "://" in word or word.startswith("-") or re.search(r"[<>=!]", word):
        return False
    if re.fullmatch(r"[A-Za-z0-9._-]+\s*@.*", word):
        return False  # a name, and where it is
    if "/" in word or "\\" in word:
        return True
    return word.lower().endswith(FILE_SUFFIXES) and word.lower() not in _PACKAGES_NAMED_LIKE_FILES


def conda_hint(line: str) -> str | None:
    """Return what to write in the place of a line that conda would read; None: it is not conda's."""
    if pin := _CONDA_PIN.fullmatch(line):
        version = pin["version"] if pin["build"] or "*" in pin["version"] else f"{pin['version']}.*"
        return f"{line!r} is conda's way to write a version; write '{pin['name']}=={version}'"
    if _CONDA_LINE.fullmatch(line):
        return (
            f"{line!r} is a line for conda; write its packages as pip does, one a line, such as "
            "'numpy==1.26.*', or name the Python of a conda environment with py_executable"
        )
    return None


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
