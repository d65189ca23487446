"""The gitignore dialect: which paths a list of patterns leaves out.

pathspec reads the patterns. It matches what lies beneath a path along with the path; here a pattern
matches the path itself only: as in git, a directory that is left out is not entered, so nothing
beneath it can be taken in again.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_BENEATH = "ps_d"
"""pathspec's name for the slash behind which what lies beneath begins."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern."""

    text: str  # as written
    origin: str  # the file that it stands in, or `excludes`
    negated: bool  # `!`: take in again
    regex: re.Pattern[str]

    def __str__(self) -> str:
        return f"{self.text} ({self.origin})"

    @property
    def is_of_names(self) -> bool:
        """Whether it is for names in any directory: a slash at most at its end."""
        return "/" not in self.text.rstrip(" ").rstrip("/")

    def matches(self, path: str, *, is_directory: bool) -> bool:
        """Whether it matches this very path, and not one above it."""
        itself = self.regex.search(path)
        if itself is not None and self._end(itself) == -1:
            return True
        within = self.regex.search(f"{path}/") if is_directory else None
        return within is not None and self._end(within) == len(path) + 1

    def _end(self, found: re.Match[str]) -> int:
        """Return where the match's mark of a directory ends; -1 where it has none."""
        return found.end(_BENEATH) if _BENEATH in self.regex.groupindex else -1


class Rules:
    """The patterns of one gitignore file, or of `excludes`."""

    def __init__(self, lines: Iterable[str], origin: str) -> None:
        rules = [rule for line in lines if (rule := _rule(line, origin)) is not None]
        numbered = list(enumerate(rules))[::-1]
        self._of_names = [(number, rule) for number, rule in numbered if rule.is_of_names]
        self._of_paths = [(number, rule) for number, rule in numbered if not rule.is_of_names]
        self._known: dict[tuple[str, bool], tuple[int, Rule | None]] = {}

    def __bool__(self) -> bool:
        """Whether there is any pattern."""
        return bool(self._of_names or self._of_paths)

    def match(self, path: str, *, is_directory: bool) -> Rule | None:
        """Return the last pattern that matches `path` (relative to the patterns' directory), or None."""
        key = path.rpartition("/")[2], is_directory
        number, rule = self._known.get(key) or self._of_name(key)
        for later, other in self._of_paths:
            if later < number:
                break
            if other.matches(path, is_directory=is_directory):
                return other
        return rule

    def _of_name(self, key: tuple[str, bool]) -> tuple[int, Rule | None]:
        """Return the last pattern that is for names alone and matches; remembers the answer."""
        name, is_directory = key
        each = ((n, rule) for n, rule in self._of_names if rule.matches(name, is_directory=is_directory))
        found = self._known[key] = next(each, (-1, None))
        return found

    def without(self, rule: Rule) -> Rules:
        """Return the same less one pattern."""
        left = Rules((), "")
        left._of_names = [each for each in self._of_names if each[1] != rule]
        left._of_paths = [each for each in self._of_paths if each[1] != rule]
        return left


@dataclass(slots=True)
class Scope:
    """The rules of one file, and where they count from."""

    below: int  # length of the path of its directory below what is packaged, with the slash
    rules: Rules
    above: str = ""  # the path from its directory to what is packaged, with a slash, where it lies above

    def match(self, path: str, *, is_directory: bool) -> Rule | None:
        """Return the last pattern that matches a path, which counts from what is packaged; or None."""
        return self.rules.match(self.above + path[self.below :], is_directory=is_directory)


def _rule(line: str, origin: str) -> Rule | None:
    text = line.rstrip("\r\n")
    try:
        with warnings.catch_warnings():  # a bracket within brackets
            warnings.simplefilter("ignore", FutureWarning)
            pattern = GitIgnoreSpecPattern(text)
            if pattern.include is None or pattern.regex is None:
                return None
            # to git no bracket matches a slash
            regex = re.compile(pattern.regex.pattern.replace("[^", "[^/"))
    except GitIgnorePatternError:
        return None  # git, too, passes over what is no pattern
    return Rule(text, origin, not pattern.include, regex)
