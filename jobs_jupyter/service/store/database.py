"""Opening the database: its settings, its schema, and the two ways in.

All writes go through one thread and one connection, each a transaction that is on disk when it
returns; reads have connections of their own and never wait for a write (WAL).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from jobs_jupyter.models.errors import ServiceStartError
from jobs_jupyter.service.store.schema import HEAD, metadata

T = TypeVar("T")
READERS = 4


class Database:
    """One SQLite file, with `write` and `read` for the service's event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer_engine = _engine(path, "BEGIN IMMEDIATE")
        self._reader_engine = _engine(path, "BEGIN")
        _bring_up_to_date(self._writer_engine)
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._readers = ThreadPoolExecutor(READERS, "store-read")

    async def write(self, change: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `change(connection, …)` in a transaction; what it returns is durable."""
        return await asyncio.get_running_loop().run_in_executor(
            self._writer, _within, self._writer_engine, change, args, kwargs
        )

    async def read(self, query: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `query(connection, …)` on a snapshot."""
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, _within, self._reader_engine, query, args, kwargs
        )

    def close(self) -> None:
        """Let what is under way finish, then close the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        self._reader_engine.dispose()
        self._writer_engine.dispose()


def _within(engine: Engine, work: Callable[..., T], args: Any, kwargs: Any) -> T:
    with engine.begin() as connection:
        return work(connection, *args, **kwargs)


def _engine(path: Path, begin: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}", pool_size=READERS, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def settings(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # transactions are ours, not the driver's
        connection.execute("PRAGMA busy_timeout = 10000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

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


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
