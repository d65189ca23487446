"""Opening the database: its settings, its schema, and the two ways in.

All writes go through one thread and one connection. Those that come while one is being written share
the next transaction, each in a savepoint of its own: one wait for the disk for all of them. What may
start then is decided at its end, in the same transaction. Reads have connections of their own and
never wait for a write (WAL).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, select, text
from sqlalchemy.exc import OperationalError

from jobs_jupyter.models.errors import ServiceStartError
from jobs_jupyter.service.filesystem import journal_mode
from jobs_jupyter.service.resources import Capacity
from jobs_jupyter.service.store import noted
from jobs_jupyter.service.store.leases import CAPACITY
from jobs_jupyter.service.store.prepared import execute
from jobs_jupyter.service.store.schema import HEAD, events, metadata

T = TypeVar("T")
log = logging.getLogger(__name__)
READERS = 4
MOST_TOGETHER = 64
EXIT_WITHOUT_WRITER = 70
NO_CAPACITY = Capacity((), 0, ())


class Write:
    """One change that is to be committed, and whoever waits for it."""

    def __init__(self, change: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.change = change
        self.args = args
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.problem: BaseException | None = None

    def carry_out(self, connection: Connection) -> None:
        """Make the change; what it raises is for whoever asked for it."""
        self.problem = None
        try:
            self.result = self.change(connection, *self.args)
        except OperationalError:
            raise
        except Exception as problem:  # noqa: BLE001 - handed on
            self.problem = problem

    def settle(self) -> None:
        """Hand over what came of it; to be called in the event loop."""
        if self.done.cancelled():
            return
        if self.problem is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.problem)


class Database:
    """One SQLite file, with `write` and `read` for the service's event loop.

    Args:
        path: the file; made where there is none.
        capacity: what there is to give to jobs.
    """

    def __init__(self, path: Path, capacity: Capacity = NO_CAPACITY) -> None:
        self.path = path
        self._writer_engine = _engine(path, "BEGIN IMMEDIATE", capacity)
        self._reader_engine = _engine(path, "BEGIN", capacity)
        try:
            _bring_up_to_date(self._writer_engine)
            self.last_change_at = _last_change_at(self._reader_engine)
        except BaseException:
            self._dispose()
            raise
        self._readers = ThreadPoolExecutor(READERS, "store-read")
        self._writes: SimpleQueue[Write | None] = SimpleQueue()
        self._decide: Callable[[Connection], Any] = lambda _: None
        self._undone: Callable[[], Any] = lambda: None
        self._committed: Callable[[list[noted.Told], Any], None] = lambda *_: None
        self._writer = Thread(target=self._write_all, name="store-write", daemon=True)
        self._writer.start()

    def at_commit(
        self,
        decide: Callable[[Connection], Any],
        undone: Callable[[], Any],
        committed: Callable[[list[noted.Told], Any], None],
    ) -> None:
        """Call `decide` at the end of each transaction, and `committed` with its events and that answer.

        `undone` is called where the transaction was rolled back, or what `decide` did alone, as it
        failed: then what `undone` returns stands for its answer. `committed` is called in the event
        loop, before those who wait for their writes go on.
        """
        self._decide, self._undone, self._committed = decide, undone, committed

    async def write(self, change: Callable[..., T], *args: Any) -> T:
        """Run `change(connection, …)` in a transaction; what it returns is durable."""
        write = Write(change, args)
        self._writes.put(write)
        result: T = await write.done
        return result

    async def read(self, query: Callable[..., T], *args: Any) -> T:
        """Run `query(connection, …)` on a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, _within, self._reader_engine, query, args
        )

    def close(self) -> None:
        """Let what is under way finish, then close the file."""
        self._writes.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._dispose()

    def _dispose(self) -> None:
        """Close every connection; since Python 3.13 one that is left open is warned of."""
        self._reader_engine.dispose()
        self._writer_engine.dispose()

    def _write_all(self) -> None:
        """In the writer's thread: commit what comes; a service that could not any more must not go on."""
        try:
            with self._writer_engine.connect() as self._writing:
                self._write_what_comes()
        except BaseException:  # the next call starts another service, which finds all that was committed
            log.critical("nothing can be written down any more", exc_info=True)
            os._exit(EXIT_WITHOUT_WRITER)

    def _write_what_comes(self) -> None:
        """Commit what comes, together what comes together, until the file is to be closed."""
        while (first := self._writes.get()) is not None:
            together = [first]
            closing = False
            while len(together) < MOST_TOGETHER and not closing:
                try:
                    write = self._writes.get_nowait()
                except Empty:
                    break
                closing = write is None
                together += [write] if write else []
            self._commit(together)
            if closing:
                return

    def _commit(self, together: list[Write]) -> None:
        connection = self._writing
        try:
            with connection.begin():
                notes = noted.begin(connection)
                for write in together:
                    _apart(connection, write)
                decided = self._decided(connection)
        except Exception as problem:  # noqa: BLE001 - handed on to whoever waits
            self._undone()
            if len(together) > 1:  # one that can't be written must not take the others along
                for write in together:
                    self._commit([write])
                return
            together[0].problem = problem
            done = together[0].settle
        else:
            done = partial(self._hand_over, together, notes.events, decided)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            together[0].loop.call_soon_threadsafe(done)

    def _decided(self, connection: Connection) -> Any:
        """Decide what starts; a mistake in that must not undo the changes that led to it."""
        execute(connection, "SAVEPOINT decision")
        told = len(noted.of(connection).events)
        try:
            return self._decide(connection)
        except OperationalError:
            raise
        except Exception:
            log.exception("what may start could not be decided")
            _undo(connection, "decision", told)
            return self._undone()

    def _hand_over(self, together: list[Write], events: list[noted.Told], decided: Any) -> None:
        self._committed(events, decided)
        for write in together:
            write.settle()


def _apart(connection: Connection, write: Write) -> None:
    """Make one of several changes, so that the others stand where it fails."""
    told = len(noted.of(connection).events)
    execute(connection, "SAVEPOINT change")
    write.carry_out(connection)
    if write.problem is not None:
        _undo(connection, "change", told)
    execute(connection, "RELEASE change")


def _undo(connection: Connection, savepoint: str, told: int) -> None:
    """Take back what was done since a savepoint, and what was told and read then."""
    execute(connection, f"ROLLBACK TO {savepoint}")
    notes = noted.of(connection)
    del notes.events[told:]
    if notes.queues is not None:
        notes.queues.clear()


def _within(engine: Engine, work: Callable[..., T], args: Any) -> T:
    with engine.begin() as connection:
        return work(connection, *args)


def _engine(path: Path, begin: str, capacity: Capacity) -> Engine:
    mode = journal_mode(path)
    url = URL.create("sqlite", database=str(path))  # as text, a path with %41 or ? in it would be another
    engine = create_engine(url, pool_size=READERS, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def settings(connection: sqlite3.Connection, record: Any) -> None:
        record.info[CAPACITY] = capacity
        connection.isolation_level = None  # transactions are ours, not the driver's
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # a deleted job can't be read from free pages

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        execute(connection, begin)

    return engine


def _bring_up_to_date(engine: Engine) -> None:
    """Make the schema where there is none, migrate an older one, refuse a newer one."""
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            metadata.create_all(connection)
            connection.exec_driver_sql(
                "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
            )
            connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})
            return
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is None:
        raise ServiceStartError(
            f"{engine.url.database} does not say which version wrote it. Move it aside to begin anew."
        )
    if found < HEAD:
        _migrate(engine)
    elif found > HEAD:
        raise ServiceStartError(
            f"The jobs in {engine.url.database} were written by a newer version of jobs-jupyter "
            f"(schema {found}, this one knows {HEAD}). Upgrade with: pip install --upgrade jobs-jupyter"
        )


def _last_change_at(engine: Engine) -> int:
    """Return when the last event was, in microseconds, as an earlier service saw it, or 0."""
    with engine.begin() as connection:
        newest = connection.execute(select(events.c.at).order_by(events.c.seq.desc()).limit(1))
        return newest.scalar() or 0


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
