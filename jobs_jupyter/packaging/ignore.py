"""The gitignore dialect: which paths a list of patterns leaves out.

A pattern matches a path itself, never what lies beneath it: as in git, a directory that is left
out is not entered, so nothing beneath it can be taken in again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern."""

    text: str  # as written
    origin: str  # the file that it stands in, or `excludes`
    negated: bool  # `!`: take in again
    directories_only: bool
    anchored: bool  # matches the path from the patterns' directory, not just the name
    regex: str

    def __str__(self) -> str:
        return f"{self.text} ({self.origin})"


class Rules:
    """The patterns of one gitignore file, or of `excludes`."""

    def __init__(self, lines: Iterable[str], origin: str) -> None:
        rules = [rule for line in lines if (rule := _rule(line, origin)) is not None]
        self._names = _Matcher(enumerate_rules(rules, anchored=False))
        self._paths = _Matcher(enumerate_rules(rules, anchored=True))

    def match(self, path: str, name: str, *, is_directory: bool) -> Rule | None:
        """Return the last pattern that matches `path` (relative to the patterns' directory), or None."""
        by_name = self._names.last(name, is_directory)
        by_path = self._paths.last(path, is_directory)
        if by_name is None or (by_path is not None and by_path[0] > by_name[0]):
            by_name = by_path
        return by_name[1] if by_name else None


def enumerate_rules(rules: list[Rule], *, anchored: bool) -> list[tuple[int, Rule]]:
    """Return the rules of one kind with their places, the last first."""
    return [(place, rule) for place, rule in enumerate(rules) if rule.anchored == anchored][::-1]


class _Matcher:
    """Finds the last rule that matches; one regular expression says quickly that none does."""

    def __init__(self, rules: list[tuple[int, Rule]]) -> None:
        self._rules = [(place, rule, _compiled(rule.regex)) for place, rule in rules]
        self._any = _compiled("|".join(f"(?:{rule.regex})" for _, rule in rules)) if rules else None

    def last(self, text: str, is_directory: bool) -> tuple[int, Rule] | None:
        if self._any is None or not self._any.fullmatch(text):
            return None
        for place, rule, regex in self._rules:
            if (is_directory or not rule.directories_only) and regex.fullmatch(text):
                return place, rule
        return None


def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex, re.DOTALL)


def _rule(line: str, origin: str) -> Rule | None:
    text = line.rstrip("\n").rstrip("\r")
    pattern = _without_trailing_spaces(text)
    if not pattern or pattern.startswith("#"):
        return None
    negated = pattern.startswith("!")
    pattern = pattern[negated:]
    directories_only = pattern.endswith("/")
    pattern = pattern[: -1 if directories_only else None]
    anchored = "/" in pattern
    regex = _translate(pattern[pattern.startswith("/") :])
    if not pattern or regex is None:
        return None
    return Rule(text, origin, negated, directories_only, anchored, regex)


def _without_trailing_spaces(text: str) -> str:
    end = len(text.rstrip(" "))
    backslashes = end - len(text[:end].rstrip("\\"))
    return text[: end + 1] if backslashes % 2 and end < len(text) else text[:end]


def _translate(pattern: str) -> str | None:
    """Return the regular expression of a pattern; None if it can match nothing."""
    out: list[str] = []
    at = 0
    literal = len(re.split(r"[*?\[\\]", pattern, maxsplit=1)[0])  # git compares this part apart from the rest
    while at < len(pattern):
        if pattern.startswith("*", at):
            stars = len(pattern[at:]) - len(pattern[at:].lstrip("*"))
            alone = at == literal or pattern[at - 1] == "/"
            end = at + stars
            if stars >= 2 and alone and pattern.startswith("/", end):
                out.append("(?:.*/)?")
                end += 1
            elif stars >= 2 and alone and (end == len(pattern) or pattern.startswith("\\/", end)):
                out.append(".*")
            else:
                out.append("[^/]*")
            at = end
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        elif pattern[at] == "[":
            found = _bracket(pattern, at)
            if found is None:
                return None
            out.append(found[0])
            at = found[1]
        else:
            at += pattern[at] == "\\"
            if at == len(pattern):
                return None  # a lone backslash at the end
            out.append(re.escape(pattern[at]))
            at += 1
    return "".join(out)


_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": " \\t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": re.escape("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    "space": " \\t\\n\\r\\f\\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}


def _bracket(pattern: str, start: int) -> tuple[str, int] | None:
    """Return the regular expression of the bracket at `start` and where it ends; None: not closed."""
    at = start + 1
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    items: list[str] = []
    first = True
    while first or pattern[at : at + 1] != "]":
        if at >= len(pattern):
            return None
        named = re.match(r"\[:(\w*):\]", pattern[at:])
        if named:
            if named[1] not in _CLASSES:
                return None
            items.append(_CLASSES[named[1]])
            at += named.end()
        else:
            low, at = _character(pattern, at)
            high = low
            if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("", "]"):
                high, at = _character(pattern, at + 1)
            if low <= high:
                items.append(f"{re.escape(low)}-{re.escape(high)}")
        first = False
    body = "".join(items)
    if not body:
        return ("[^/]" if negated else "(?!)"), at + 1
    return f"(?!/)[{'^' if negated else ''}{body}]", at + 1


def _character(pattern: str, at: int) -> tuple[str, int]:
    at += pattern[at : at + 1] == "\\" and at + 1 < len(pattern)
    return pattern[at], at + 1
