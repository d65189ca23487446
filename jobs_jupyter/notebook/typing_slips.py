"""Characters on a magic's line that are not what their writer means, as pages and mails put them there."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import category, name

_QUOTES = "\u201a\u201b\u201e\u2032\u2033"  # beside those that Unicode calls so: low ones and primes
_MINUS = "\u2212"


def slip(line: str) -> str | None:
    """Return what is wrong with a line outside its quotes, and what to write; None: nothing.

    Args:
        line: what follows the magic's name.
    """
    if line.endswith("\\"):
        return r"the line ends in \, and it can't go on in the next one; write all options on one line"
    for at, character, begins in _unquoted(line):
        if said := _wrong(character, line[at:], begins):
            return said
    if line.rstrip().endswith(";"):
        return f"leave out the ; at the end of {line.split()[-1]!r}"
    return None


def _wrong(character: str, rest: str, begins: bool) -> str | None:
    word, kind = rest.split(" ")[0], category(character)
    if not character.isascii() and (character.isspace() or kind == "Cf"):
        called = name(character, "character").lower()
        article = "an" if called[0] in "aeio" else "a"
        following = next(iter(rest[1:].split()), "")
        where = f"before {following!r}" if following else "at the end"
        return f"there is {article} {called} {where}; write an ordinary space, or none"
    if begins and (kind in ("Pi", "Pf") or character in _QUOTES):
        return f"{character} in {word!r} is a typographic quote; write ' or \""
    if begins and character != "-" and (kind == "Pd" or character == _MINUS):
        option = "".join(letter for letter in word if category(letter) != "Pd" and letter != _MINUS)
        write = f"{'-' if len(option) == 1 else '--'}{option}" if option else "-, or put the text into quotes"
        return f"{character} in {word!r} is a typographic dash; write {write}"
    if begins and character == "#":
        return f"a comment can't stand on this line; move {rest!r} below it"
    return None


def _unquoted(line: str) -> Iterator[tuple[int, str, bool]]:
    """Yield position and character outside quotes, and whether it begins a word or a value after `=`."""
    quote, before = "", " "
    for at, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and before != "\\":
            quote = character
        else:
            yield at, character, before in " \t=,"
        before = character
