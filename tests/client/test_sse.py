"""The decoder of server-sent events."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from jobs_jupyter.client.sse import Event, SSEDecoder


def decode(stream: bytes) -> list[Event]:
    return SSEDecoder().feed(stream)


def test_an_event_of_the_service() -> None:
    [event] = decode(b'id: 123\nevent: job\ndata: {"seq": 123}\n\n')
    assert (event.id, event.event, event.json()) == ("123", "job", {"seq": 123})


def test_lines_of_data_are_joined_and_one_leading_space_is_dropped() -> None:
    [event] = decode(b"data:  a\ndata:b\ndata\n\n")
    assert event.data == " a\nb\n"
    assert event.event == "message"


def test_comments_and_events_without_data_yield_nothing() -> None:
    assert decode(b": keep-alive\n\nevent: job\n\nid: 4\n\n") == []


def test_the_last_id_stays_until_another_comes() -> None:
    decoder = SSEDecoder()
    first, second = decoder.feed(b"id: 7\ndata: a\n\ndata: b\n\n")
    assert (first.id, second.id, decoder.last_id) == ("7", "7", "7")
    decoder.feed(b"id: 8\0\ndata: c\n\n")
    assert decoder.last_id == "7"


def test_the_event_name_does_not_leak_into_the_next_event() -> None:
    first, second = decode(b"event: job\ndata: a\n\ndata: b\n\n")
    assert (first.event, second.event) == ("job", "message")


def test_an_unfinished_event_waits() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n") == []
    assert [e.data for e in decoder.feed(b"\n")] == ["a"]


def test_crlf_cut_in_the_middle_is_one_line_end() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\n") == []
    assert [e.data for e in decoder.feed(b"data: b\r\n\r\n")] == ["a\nb"]


def test_retry_and_byte_order_mark() -> None:
    [event] = decode(b"\xef\xbb\xbfretry: 1500\ndata: a\n\n")
    assert event.retry_ms == 1500
    [event] = decode(b"retry: soon\ndata: a\n\n")
    assert event.retry_ms is None


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    [event] = decode(b"data: \xff\n\n")
    assert event.data == "\ufffd"


def test_only_cr_and_lf_end_lines() -> None:
    [event] = decode("data: a\u2028b\x0bc\x85\n\n".encode())
    assert event.data == "a\u2028b\x0bc\x85"


text = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(st.tuples(text, st.lists(text, min_size=1, max_size=3), st.sampled_from(["\n", "\r", "\r\n"]))),
    st.lists(st.integers(0, 400)),
)
def test_cuts_make_no_difference(events: list[tuple[str, list[str], str]], cuts: list[int]) -> None:
    stream = ": hello\n"
    for id_, lines, newline in events:
        fields = [f"id: {id_}", "event: job", *(f"data: {line}" for line in lines), ""]
        stream += "".join(field + newline for field in fields)
    raw = stream.encode()
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    decoder = SSEDecoder()
    got = [e for a, b in itertools.pairwise(edges) for e in decoder.feed(raw[a:b])]
    assert [(e.id, e.event, e.data) for e in got] == [(i, "job", "\n".join(ls)) for i, ls, _ in events]
