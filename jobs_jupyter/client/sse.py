"""Decoding of server-sent events: bytes in, events out, no I/O."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `id` is the stream's last id, so an event without one repeats it."""

    event: str
    data: str
    id: str
    retry_ms: int | None = None

    def json(self) -> Any:
        """Return `data` decoded as JSON."""
        return json.loads(self.data)


class SSEDecoder:
    """Incremental decoder of the `text/event-stream` format (WHATWG HTML, 9.2.6).

    `feed` takes bytes as they come off the wire, cut anywhere, even within a character or between
    the two bytes of a CRLF. An event that its blank line has not ended yet is kept until it has.
    Comments (the service's keep-alives) yield nothing.
    """

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._buffer = bytearray()
        self._at_start = True
        self._skip_lf = False
        self._event = ""
        self._data: list[str] = []
        self._last_id = ""
        self._retry_ms: int | None = None

    @property
    def last_id(self) -> str:
        """The last id seen, from which to ask again after a reconnect; empty before the first."""
        return self._last_id

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes, oldest first."""
        self._buffer += chunk
        events = []
        for line in self._take_lines():
            event = self._line(line)
            if event is not None:
                events.append(event)
        return events

    def _take_lines(self) -> list[str]:
        # CR, LF and CRLF all end a line; a CR at the end of a chunk may have its LF in the next one.
        if self._skip_lf and self._buffer:
            if self._buffer[0] == 0x0A:
                del self._buffer[0]
            self._skip_lf = False
        end = max(self._buffer.rfind(b"\n"), self._buffer.rfind(b"\r"))
        if end < 0:
            return []
        complete = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        self._skip_lf = complete.endswith(b"\r") and not self._buffer
        # bytes.splitlines splits at CR, LF and CRLF only, unlike str.splitlines.
        return [self._decode(line) for line in complete.splitlines()]

    def _decode(self, line: bytes) -> str:
        if self._at_start:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        return line.decode("utf-8", "replace")

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self._retry_ms = int(value)
        return None

    def _dispatch(self) -> Event | None:
        event, data, retry_ms = self._event or "message", self._data, self._retry_ms
        self._event, self._data, self._retry_ms = "", [], None
        if not data:
            return None
        return Event(event, "\n".join(data), self._last_id, retry_ms)
