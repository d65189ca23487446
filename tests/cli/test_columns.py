"""A table fits, whatever is in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.cli.columns import GAP, beginning, elided, fitted, kept, wrappable

WIDTHS = {"ID": 34, "NAME": 40, "STATE": 9, "REASON": 50, "TAGS": 5}
WHOLE = ("ID", "STATE")
SPARE = ("ID", "TAGS", "REASON")


def test_what_matters_least_goes_first() -> None:
    assert kept(WIDTHS, WHOLE, SPARE, 200) == list(WIDTHS)
    assert kept(WIDTHS, WHOLE, SPARE, 88) == list(WIDTHS), "ID 34, NAME 16, STATE 9, REASON 16, TAGS 5"
    assert kept(WIDTHS, WHOLE, SPARE, 87) == ["NAME", "STATE", "REASON", "TAGS"]
    assert kept(WIDTHS, WHOLE, SPARE, 50) == ["NAME", "STATE", "REASON"]
    assert kept(WIDTHS, WHOLE, SPARE, 10) == ["NAME", "STATE"]
    assert kept({"ID": 34}, WHOLE, SPARE, 10) == ["ID"]


def test_the_widest_gives_first() -> None:
    widths = {"NAME": 20, "STATE": 9, "REASON": 50}
    assert fitted(widths, WHOLE, 83) == widths
    assert fitted(widths, WHOLE, 63) == {"NAME": 20, "STATE": 9, "REASON": 30}
    assert fitted(widths, WHOLE, 33) == {"NAME": 10, "STATE": 9, "REASON": 10}


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(1, 200))
def test_it_fits_if_it_can(widths: list[int], room: int) -> None:
    columns = {f"C{number}": width for number, width in enumerate(widths)}
    found = fitted(columns, ("C0",), room)
    taken = sum(found.values()) + GAP * (len(found) - 1)
    least = widths[0] + len(widths) - 1 + GAP * (len(widths) - 1)
    assert taken <= max(room, least)
    assert all(1 <= width <= columns[name] for name, width in found.items())
    assert found["C0"] == widths[0]
    if sum(widths) + GAP * (len(widths) - 1) >= room >= least:
        assert taken == room, "no room is wasted"


@given(st.text(max_size=60), st.integers(1, 60))
def test_elided(text: str, width: int) -> None:
    short = elided(text, width)
    assert len(short) == min(len(text), width)
    if len(text) > width > 2:
        assert text.startswith(short.split("…")[0][:1])
        assert short[-1] == text[-1]


def test_two_lines_of_a_long_text() -> None:
    assert beginning("exit code 3", 20) == "exit code 3"
    assert beginning("could not start: no such image", 16) == "could not start:\nno such image"
    assert beginning("could not start: no such image is there", 16) == "could not start:\nno such image …"


def test_long_words() -> None:
    assert elided("abcdefghij", 5) == "ab…ij"
    assert wrappable("short verylongword end", 7) == "short ver…ord end"
