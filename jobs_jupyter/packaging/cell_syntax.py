"""A cell's text → its syntax tree, as IPython reads it: with magics, shell commands and top-level await."""

from __future__ import annotations

import ast
import re
from functools import lru_cache

from jobs_jupyter.models.errors import PackageError


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


# Magics that define no name; a cell with any other may define what it likes.
PLAIN_MAGICS = words(
    "alias autoawait autocall automagic cd colors conda config debug dhist dirs env load_ext logstop lsmagic "
    "magic matplotlib pdb pip popd precision prun psearch pushd pwd pycat quickref reload_ext sc set_env "
    "sx system timeit unload_ext uv who who_ls whos xmode"
)
PYTHON_MAGICS = {"time": "", "timeit": "nrp", "prun": "DlsT"}
"""Magics whose text is Python → their options that take a value."""
_OTHER_MAGICS = words(
    "alias_magic bookmark cat clear cp edit history ldir less ll load logstart logstate ls lx man mkdir more "
    "mv notebook page pastebin pdef pdoc pfile pinfo pinfo2 pprint psource rehashx rep rerun reset rm rmdir "
    "run save sh store tb unalias xdel"
)
_AUTOMAGIC = re.compile(r"([a-z_0-9]+)(?:[ \t]+(?![=!()<>,+*/%^&|]|(?:and|in|is|not|or|if)\b)\S.*)?")


def parse(source: str, lines_above: int = 0, names: frozenset[str] = frozenset()) -> ast.Module:
    """Return the syntax tree of a cell.

    Args:
        source: the cell, magics included.
        lines_above: how many lines of the editor stand above the source, for the number in an error.
        names: variables of the cell, which hide magics that are written without `%`.

    Raises:
        PackageError: the cell has a syntax error.
    """
    try:
        return _tree(_with_percent(source, names))
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise _syntax_error(error, lines_above) from None


@lru_cache(maxsize=2)  # a cell is read several times while it is submitted, which takes long for a large one
def _tree(source: str) -> ast.Module:
    from IPython.core.inputtransformer2 import TransformerManager

    tree = ast.parse(_leading_lines(source) + TransformerManager().transform_cell(source))
    compile(tree, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return tree


def statement(magic: str, text: str) -> str:
    """Return the Python in the text of one of `PYTHON_MAGICS`, without the options before it."""
    valued = PYTHON_MAGICS[magic]
    option = r"-(?:-[\w-]+|[A-Za-z]+)\s+"
    if valued:
        option = rf"(?:-[{valued}]\s*\S+(?:\s+|$)|{option})"
    return re.sub(rf"^\s*(?:{option})*", "", f"{text}\n").strip()


def _with_percent(source: str, names: frozenset[str]) -> str:
    """Return the cell with the `%` that IPython adds to a magic which is the only line."""
    match = _AUTOMAGIC.fullmatch(source.strip())
    known = PLAIN_MAGICS | PYTHON_MAGICS.keys() | _OTHER_MAGICS
    return f"%{source.strip()}" if match and match[1] in known - names else source


def _leading_lines(source: str) -> str:
    """Return the blank lines that IPython drops, so that line numbers stay the cell's."""
    return "\n" * source[: len(source) - len(source.lstrip())].count("\n")


def _syntax_error(error: BaseException, lines_above: int) -> PackageError:
    if not isinstance(error, SyntaxError):
        return PackageError(f"The cell is not Python: {error}; correct it and run it again")
    text = f": {error.text.strip()}" if error.text and error.text.strip() else ""
    line = (error.lineno or 1) + lines_above
    return PackageError(f"Syntax error in cell line {line} ({error.msg}){text}; correct it and run it again")
