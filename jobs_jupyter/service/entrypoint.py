"""How an entrypoint is executed, so that each of its variables reaches it.

It is a line for `sh -c`. Shells such as dash hand on only variables whose names they could set themselves;
others, such as the functions that bash exports (`BASH_FUNC_module%%`, as Lmod makes them) or names with
dots, would be gone. bash hands on all. So where a run has such variables, a simple command is executed
without a shell, and any other line by bash, under the name `sh`, where there is one.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

_PORTABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SIMPLE = re.compile(r"[A-Za-z0-9_@%+./-]+(?: +[A-Za-z0-9_@%+=,.:/-]+)*", re.ASCII)
_OF_SHELLS = frozenset({
    "!", ".", ":", "[[", "alias", "bg", "break", "builtin", "case", "cd", "command", "continue",
    "coproc", "declare", "do", "done", "echo", "elif", "else", "enable", "esac", "eval", "exec", "exit",
    "export", "false", "fc", "fg", "fi", "for", "function", "getopts", "hash", "help", "if", "in",
    "jobs", "kill", "let", "local", "logout", "printf", "pwd", "read", "readonly", "return", "select",
    "set", "shift", "source", "suspend", "test", "then", "time", "times", "trap", "true", "type",
    "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while",
})  # fmt: skip
"""What a shell knows by itself, so that no program of that name is meant."""

SH = "/bin/sh"


def is_portable(name: str) -> bool:
    """Whether every shell hands on a variable of this name."""
    return _PORTABLE.fullmatch(name) is not None


def bash(path: str | None = None) -> str | None:
    """Return the path of a bash; None: there is none."""
    return shutil.which("bash", path="/bin:/usr/bin") or shutil.which("bash", path=path)


def command(entrypoint: str, variables: Mapping[str, str], directory: Path) -> tuple[str, list[str]]:
    """Return the program of a run, and its arguments with its name.

    Args:
        entrypoint: a line for a shell.
        variables: all that the run has.
        directory: where it starts.
    """
    line = ["sh", "-c", entrypoint]
    if all(map(is_portable, variables)):
        return SH, line
    words = entrypoint.split()
    if _SIMPLE.fullmatch(entrypoint.strip()) and words[0] not in _OF_SHELLS:
        program = _program(words[0], variables.get("PATH", os.defpath), directory)
        if program is not None:
            return program, words
    return bash(variables.get("PATH")) or SH, line


def lost(names: Iterable[str]) -> list[str]:
    """Return which of the variables do not get through the shell of this machine."""
    return [] if bash() else [name for name in names if not is_portable(name)]


def _program(word: str, path: str, directory: Path) -> str | None:
    """Return what a shell would execute for a word; None where that is better left to a shell."""
    if "/" in word:
        found: str | None = str(directory / word)
    elif any(not os.path.isabs(each) for each in path.split(os.pathsep)):
        return None  # parts that count from where the run starts
    else:
        found = shutil.which(word, path=path)
    if found is None or not os.path.isfile(found) or not os.access(found, os.X_OK):
        return None
    with open(found, "rb") as file:  # a shell also runs scripts that do not say what runs them
        return found if file.read(4).startswith((b"#!/", b"\x7fELF")) else None
