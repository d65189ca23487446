"""Masking: which bytes of a log are not to be shown.

A byte is masked where it belongs to an occurrence of one of the values, also where occurrences overlap.
So what becomes of it depends only on what lies less than the longest value before and behind it:
any part of a log can be masked without the rest.

A value also counts in the forms in which programs print it: percent-encoded, as in JSON, in Base64 (wherever
it begins in what is encoded), and each line of a value that has several.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 8  # bytes: shorter values would mask what only looks like them
MARK = b"*"
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class Masks:
    """The values of one run, in all their forms."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value)}
        self.forms = sorted(form for form in forms if len(form) >= SHORTEST)
        self.longest = max(map(len, self.forms), default=0)

    @property
    def reach(self) -> int:
        """How many bytes before and behind a byte may decide about it."""
        return max(0, self.longest - 1)

    def masked(self, text: bytes, *, cut_before: bool = False, cut_after: bool = False) -> bytes:
        """Return the text with every value masked.

        Args:
            cut_before: what was before it is lost; its beginning may be the rest of a value.
            cut_after: what was behind it is lost; its end may be the beginning of a value.
        """
        spans = [span for form in self.forms for span in _occurrences(form, text)]
        if cut_before:
            spans.append((0, self.rest(text)))
        if cut_after:
            spans.append((len(text) - self.begun(text), len(text)))
        if not spans:
            return text
        shown = bytearray(text)
        for start, end in spans:
            shown[start:end] = MARK * (end - start)
        return bytes(shown)

    def words(self, text: str) -> str:
        """Return a text with every value masked."""
        return self.masked(text.encode(errors="replace")).decode(errors="replace")

    def begun(self, text: bytes) -> int:
        """Return how many bytes at the text's end may be the beginning of a value."""
        return max((_begun(form, text) for form in self.forms), default=0)

    def rest(self, text: bytes) -> int:
        """Return how many bytes at the text's beginning may be the end of a value."""
        backwards = text[: self.reach][::-1]
        return max((_begun(form[::-1], backwards) for form in self.forms), default=0)


NO_MASKS = Masks(())
"""Nothing is secret."""


def _occurrences(form: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the form occurs, also where it overlaps itself; no byte twice."""
    done, at = 0, text.find(form)
    while at >= 0:
        yield max(at, done), (done := at + len(form))
        at = text.find(form, at + 1)


def _begun(form: bytes, text: bytes) -> int:
    """Return the length of the longest end of the text that is a beginning of the form, but not all of it."""
    tail = text[max(0, len(text) - len(form) + 1) :]
    at = tail.find(form[:1])
    while at >= 0:
        if form.startswith(tail[at:]):
            return len(tail) - at
        at = tail.find(form[:1], at + 1)
    return 0


def _forms(value: str) -> Iterator[bytes]:
    for part in {value, *(line.strip() for line in value.splitlines())}:
        if len(part.encode()) < SHORTEST:
            continue
        for text in (part, quote(part), quote(part, safe=""), quote_plus(part), json.dumps(part)[1:-1]):
            yield text.encode()
        yield from _base64(part.encode())


def _base64(value: bytes) -> Iterator[bytes]:
    """Yield what Base64 makes of the value, without the characters that its neighbours decide about."""
    for before in range(3):  # bytes before it, modulo three
        encoded = base64.b64encode(bytes(before) + value)
        core = encoded[-(-8 * before // 6) : 8 * (before + len(value)) // 6]
        yield from (core, core.translate(_URL_SAFE))
