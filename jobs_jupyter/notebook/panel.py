"""The live panel of one job: an anywidget model, fed by the kernel's feed.

All state belongs to the feed's loop. Messages from the page come in on the kernel's main thread, or
on a subshell's while a cell is running, and are handed over to the loop. Nothing is ever printed.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import anywidget
import traitlets

from jobs_jupyter.client.feed import Feed, LogRequest, kernel_feed
from jobs_jupyter.models.event import JobView
from jobs_jupyter.notebook import panel_calls
from jobs_jupyter.notebook.bundle import panel_code, panel_digest, static_text
from jobs_jupyter.notebook.log_stream import LogStream
from jobs_jupyter.notebook.output import Output, has_page, has_subshells, show_card, static_bundle
from jobs_jupyter.notebook.pace import PANEL_INTERVAL_S, pacer

log = logging.getLogger(__name__)

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# A page asks for the code. Where what it asks waits for the cell that is running, as in every kernel without
# subshells, the code comes without being asked for.
CODE_UNASKED_S = (3.0, 9.0) if has_subshells() else (0.5, 3.0)
CODE_PAUSE_S = 0.1  # several requests within it get one answer
Message = dict[str, Any]


class JobPanel(anywidget.AnyWidget):
    """Shows one job, live, with its log and its runs. `docs/design.md` has the protocol."""

    _esm = static_text("loader.js")

    job_id = traitlets.Unicode().tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    seen = traitlets.Float().tag(sync=True)  # when the view was so, in milliseconds
    panel_id = traitlets.Unicode().tag(sync=True)
    code = traitlets.Unicode().tag(sync=True)

    def __init__(self, view: dict[str, Any], feed: Feed | None = None) -> None:
        """Make a panel from a JobView's plain data, and begin to watch the job."""
        # Before the widget opens: a page may answer at once.
        self._feed = feed or kernel_feed()
        self._logs: dict[tuple[str, int], tuple[LogStream, Callable[[], None]]] = {}
        self._closed: set[tuple[str, int]] = set()
        self._calling: set[tuple[str, int]] = set()
        self._latest = view
        self._telling: asyncio.Task[None] | None = None
        self._told_at = 0.0
        self._unwatch: Callable[[], None] | None = None
        self._watch_lock = threading.Lock()
        self._output = Output()
        self._heard = False
        self._code_on_its_way = False
        super().__init__(
            job_id=view["id"], view=view, seen=_now(), panel_id=uuid.uuid4().hex, code=panel_digest()
        )
        reach_while_busy(self.comm)
        self.on_msg(self._received)
        self._watch()

    def show(self) -> None:
        """Display the panel below the cell that is running."""
        self._output.show(self._bundle())
        self._feed.start()
        self._feed.soon(self._offer_code)

    def close(self) -> None:
        """Let go of the job and take the panel off the page."""
        self._stop_watching()
        self._feed.soon(self._close_logs)
        super().close()

    def _repr_mimebundle_(self, **_options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._bundle(), {}

    def _bundle(self) -> dict[str, Any]:
        reference = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {WIDGET_VIEW: reference, **static_bundle(self._latest)}

    # The job's state, from the service to the page.

    def _watch(self) -> None:
        """Watch the job while it can still change."""
        with self._watch_lock:
            if self._unwatch is None and not _is_over(self._latest):
                self._unwatch = self._feed.watch(self.job_id, self._changed)

    def _stop_watching(self) -> None:
        with self._watch_lock:
            unwatch, self._unwatch = self._unwatch, None
        if unwatch is not None:
            unwatch()

    def _changed(self, view: dict[str, Any]) -> None:
        self._latest = view
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Send the latest state, at the panel's pace; what came in between is skipped."""
        loop = asyncio.get_running_loop()
        while self.view != self._latest:
            await pacer.slot(self._told_at + PANEL_INTERVAL_S)
            self._told_at = loop.time()
            self._publish(self._latest)

    def _publish(self, view: dict[str, Any]) -> None:
        ended = _is_over(view) and not _is_over(self.view)
        try:
            with self.hold_sync():
                self.view, self.seen = view, _now()
            if ended:  # so that a saved notebook shows how the job ended
                self._output.renew(self._bundle())
        except Exception:
            log.debug("a panel's state could not be sent", exc_info=True)

    # Messages from the page.

    def _received(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if isinstance(content, dict):
            self._heard = True
            self._feed.start()
            self._feed.soon(lambda: self._handle(content))

    def _handle(self, message: Message) -> None:
        handlers: dict[str, Callable[[Message], None]] = {
            "code": self._send_code,
            "hello": self._hello,
            "log": self._open_log,
            "ack": self._acknowledge,
            "close": self._close_log,
            "bye": self._bye,
            "call": self._call,
        }
        handler = handlers.get(str(message.get("type")))
        if handler is None:
            return
        try:
            handler(message)
        except (KeyError, TypeError, ValueError):
            log.debug("a message that makes no sense: %r", message, exc_info=True)

    def _hello(self, message: Message) -> None:
        self._post({"type": "hello", "client": message["client"], "now": _now()}, [])
        self._watch()

    def _offer_code(self) -> None:
        def unasked() -> None:
            if not self._heard:
                self._send_code({})

        for delay in CODE_UNASKED_S:
            asyncio.get_running_loop().call_later(delay, unasked)

    def _send_code(self, _message: Message) -> None:
        if not self._code_on_its_way:
            self._code_on_its_way = True
            asyncio.get_running_loop().call_later(CODE_PAUSE_S, self._post_code)

    def _post_code(self) -> None:
        self._code_on_its_way = False
        self._post({"type": "code", "digest": panel_digest()}, [panel_code()])

    def _open_log(self, message: Message) -> None:
        client, req = str(message["client"]), int(message["req"])
        wanted = _log_request(message)
        self._drop(client, int(message.get("replaces") or 0))
        self._post({"type": "open", "client": client, "req": req}, [])
        # A page that gets no answer asks again; the first request may come after all, and late.
        if (client, req) in self._logs or (client, req) in self._closed:
            return
        stream = LogStream(client, req, self._post, pacer, whole=wanted.whole)
        cancel = self._feed.follow_log(self.job_id, wanted, stream)
        self._logs[client, req] = stream, cancel

    def _acknowledge(self, message: Message) -> None:
        found = self._logs.get((str(message["client"]), int(message["req"])))
        if found is not None:
            found[0].acknowledge(int(message["offset"]))

    def _close_log(self, message: Message) -> None:
        self._drop(str(message["client"]), int(message["req"]))

    def _bye(self, message: Message) -> None:
        for client, req in list(self._logs):
            if client == message["client"]:
                self._drop(client, req)

    def _call(self, message: Message) -> None:
        client, number = str(message["client"]), int(message["id"])
        if (client, number) in self._calling:  # it was asked again meanwhile
            return
        action = panel_calls.action(self.job_id, message)
        if isinstance(action, str):
            self._reply(client, number, ValueError(action))
            return
        self._calling.add((client, number))
        self._watch()
        self._feed.call(action).add_done_callback(
            lambda done: self._feed.soon(lambda: self._answer(client, number, done))
        )

    def _answer(self, client: str, number: int, done: Future[Any]) -> None:
        self._calling.discard((client, number))
        error = done.exception()
        self._reply(client, number, error, None if error else done.result())

    def _reply(self, client: str, number: int, error: BaseException | None, value: Any = None) -> None:
        reply: Message = {"type": "reply", "client": client, "id": number, "ok": error is None}
        if error is not None:
            reply["message"] = str(error) or type(error).__name__
        elif value is not None:
            reply["value"] = value
        self._post(reply, [])

    def _drop(self, client: str, req: int) -> None:
        self._closed.add((client, req))
        found = self._logs.pop((client, req), None)
        if found is not None:
            stream, cancel = found
            stream.close()
            cancel()

    def _close_logs(self) -> None:
        for client, req in list(self._logs):
            self._drop(client, req)

    def _post(self, message: Message, buffers: list[bytes]) -> None:
        try:
            self.send(message, buffers or None)
        except Exception:
            log.debug("a message could not be sent", exc_info=True)


def display_panel(view: JobView | dict[str, Any]) -> None:
    """Show the panel of a job, given its last known state, and keep it up to date."""
    data = view if isinstance(view, dict) else view.to_dict()
    if has_page():
        JobPanel(data).show()
    else:
        show_card(data)


def reach_while_busy(comm: Any) -> None:
    """Let the page's messages be handled while a cell is running, on ipykernel 7.4.

    It routes them to the shell that was the last to publish on the comm. What a background thread
    publishes counts as the main shell's, which waits for the cell. Without that bookkeeping the
    message stays on the subshell that it came in on, as in 7.1 to 7.3.
    """
    if callable(getattr(comm, "_reply_subshell_for", None)):
        comm._reply_subshell_for = lambda _data, default: default


def _now() -> float:
    return time.time() * 1000


def _log_request(message: Message) -> LogRequest:
    until = message.get("until")
    return LogRequest(
        str(message["run"]),
        int(message["offset"]),
        whole=bool(message.get("whole")),
        until=None if until is None else int(until),
        kind=panel_calls.kind_of(message),
    )


def _is_over(view: dict[str, Any]) -> bool:
    return view.get("state") in ("SUCCEEDED", "FAILED", "TERMINATED")
