"""Requests whose answer is lost: they are repeated, and done once."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs_jupyter import job, job_queue
from jobs_jupyter.client.http import client
from jobs_jupyter.job.models import JobConfig, JobQueueConfig, JobQueueSpec
from jobs_jupyter.models.errors import JobNotFoundError, ServiceUnavailableError
from jobs_jupyter.models.package import Entry, Manifest
from jobs_jupyter.models.paths import StatePaths
from tests.jobs import eventually, run, running, submit


class Wire:
    """Stands between the client and the service; loses the answer to the next `lose` requests of a `verb`."""

    def __init__(self, home: Path) -> None:
        self.lose = 0
        self.verb = b""  # any
        self._asked = b""
        self.lost: list[bytes] = []
        self._target = str(StatePaths(home).socket)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._carry, args=[self._listener.accept()[0]], daemon=True).start()

    def _carry(self, client_side: socket.socket) -> None:
        with client_side, socket.socket(socket.AF_UNIX) as service_side:
            service_side.connect(self._target)
            back = threading.Thread(target=self._back, args=[service_side, client_side], daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := client_side.recv(1 << 16):
                    verb = data.split(b" ")[0]
                    if verb.isalpha():  # else the rest of a request
                        self._asked = verb
                        if self._loses():
                            self.lost.append(verb)
                    service_side.sendall(data)
            with contextlib.suppress(OSError):
                service_side.shutdown(socket.SHUT_RDWR)
            back.join()

    def _back(self, service_side: socket.socket, client_side: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := service_side.recv(1 << 16):
                if self._loses():
                    self.lose -= 1
                    client_side.shutdown(socket.SHUT_RDWR)
                    return
                client_side.sendall(data)

    def _loses(self) -> bool:
        return self.lose > 0 and self._asked.startswith(self.verb)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def wire(service: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to the running service, which every call of the test goes over."""
    assert client.endpoint.is_local
    made = Wire(service)
    with monkeypatch.context() as patch:
        patch.setenv("JOBS_JUPYTER_TARGET", made.url)
        yield made
    client.reconnect()
    made.close()


def test_a_submit_whose_answer_is_lost_makes_one_job(wire: Wire) -> None:
    wire.lose = 1
    job_id = submit("true", name="once")
    assert wire.lost == [b"POST"]
    assert [each.id for each in job.list(name="once")] == [job_id]


def test_a_delete_whose_answer_is_lost_has_deleted(wire: Wire) -> None:
    job_id = run("true").id
    wire.lose = 1
    assert job.delete(id=job_id) == job_id
    assert wire.lost == [b"DELETE"]
    with pytest.raises(JobNotFoundError):
        job.delete(id=job_id)
    spec = JobQueueSpec(name="line", idle_timeout_s=0)
    run("true", job_queue_config=JobQueueConfig(job_queue_spec=spec))
    wire.lose, wire.verb = 1, b"DELETE"
    job_queue.delete(name="line")
    assert wire.lost == [b"DELETE", b"DELETE"]
    assert list(job_queue.list()) == []


def test_the_other_verbs_say_what_shall_be(wire: Wire) -> None:
    job_id = running(submit("sleep 600"))
    wire.lose = 2
    job.add_tags(job_id=job_id, tags={"a": "b"})
    wire.lose = 2
    job.remove_tags(job_id=job_id, keys=["a"])
    wire.lose = 1
    assert job.terminate(id=job_id) == job_id
    job.wait(id=job_id, state="TERMINATED", timeout_s=20)
    wire.lose = 1
    assert job.archive(id=job_id) == job_id
    assert job.list_tags(job_id=job_id) == {}


def test_a_connection_that_breaks_each_time_is_an_error(wire: Wire) -> None:
    wire.lose = 1000
    with pytest.raises(ServiceUnavailableError, match=wire.url):
        job.submit(JobConfig(entrypoint="true"))
    wire.lose = 0
    assert len(list(job.list())) <= 1


def test_the_service_works_at_what_was_sent_meanwhile(service: Path) -> None:
    manifest = Manifest([Entry(f"made-for-{service.name}", "d")])
    seen = []

    def look() -> None:
        eventually(lambda: client.json("POST", f"/v1/packages/{manifest.digest}")["stored"])
        seen.append(manifest.uri)

    answer = client.json("POST", "/v1/packages", content=manifest.content, meanwhile=look)
    assert seen == [answer["uri"]] == [manifest.uri]
