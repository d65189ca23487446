"""The schema: migrations and tables agree; older databases are migrated, newer ones refused."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from jobs_jupyter.models.errors import ServiceStartError
from jobs_jupyter.service.store import database, job_queues, packages, queue_pages
from jobs_jupyter.service.store.database import Database
from jobs_jupyter.service.store.queue_pages import QueueListing
from jobs_jupyter.service.store.retention import blobs_of_packages
from jobs_jupyter.service.store.schema import HEAD, metadata

A, B, C, E = (letter * 64 for letter in "abce")
HELD = {"11": [A, B], "22": [B, C], "00": []}


@pytest.fixture
def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    return made


@pytest.fixture
def migrated(tmp_path: Path, config: Config) -> Iterator[Connection]:
    """A database that all migrations were run on, from the first."""
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        yield connection
    engine.dispose()


def described(connection: sqlite3.Connection) -> dict[str, list[object]]:
    """Return every table's columns and indices as SQLite itself sees them."""
    found: dict[str, list[object]] = {}
    for name, kind, table in connection.execute("SELECT name, type, tbl_name FROM sqlite_master"):
        if kind == "table" and not name.startswith(
            "sqlite_"
        ):  # a migrated one has its columns in another order
            found[name] = sorted(row[1:3] for row in connection.execute(f"PRAGMA table_info({name})"))
        elif kind == "index" and not name.startswith("sqlite_"):
            found[f"{table}.{name}"] = [row[2] for row in connection.execute(f"PRAGMA index_info({name})")]
    return found


def test_the_migrations_make_the_tables_of_the_code(migrated: Connection, tmp_path: Path) -> None:
    assert compare_metadata(MigrationContext.configure(migrated), metadata) == []
    assert migrated.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
    migrated.commit()
    Database(tmp_path / "new.db").close()
    with (
        closing(sqlite3.connect(tmp_path / "new.db")) as new,
        closing(sqlite3.connect(tmp_path / "migrated.db")) as old,
    ):
        assert described(new) == described(old)


def test_head_is_the_newest_migration(config: Config) -> None:
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_current_head() == HEAD
    revisions = [each.revision for each in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True), "they compare as text"


def test_an_older_database_is_migrated_with_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.db"
    Database(path).close()
    with closing(sqlite3.connect(path)) as today:
        today.execute("INSERT INTO packages (digest, created_at) VALUES ('digest', 1)")
        today.commit()

    # a release to come, with one more migration
    later_head = f"{int(HEAD) + 1:04}"
    later = shutil.copytree(Path(database.__file__).parent, tmp_path / "later")
    (later / "migrations" / "versions" / f"{later_head}_size.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        f"revision, down_revision = '{later_head}', '{HEAD}'\n"
        "def upgrade():\n"
        "    op.add_column('packages', sa.Column('size', sa.Integer(), nullable=True))\n"
    )
    monkeypatch.setattr(database, "__file__", str(later / "database.py"))
    monkeypatch.setattr(database, "HEAD", later_head)
    for _ in range(2):
        Database(path).close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(later_head,)]
            assert connection.execute("SELECT * FROM packages").fetchall() == [
                ("digest", 1, None, None, None, None)
            ]


def test_contents_of_packages_are_taken_over(tmp_path: Path, config: Config) -> None:
    path = tmp_path / "jobs.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0005")
        for package, blobs in HELD.items():
            connection.execute(
                text("INSERT INTO packages (digest, created_at) VALUES (:d, 1)"), {"d": package}
            )
            for blob in blobs:
                row = {"p": package, "b": blob}
                connection.execute(text("INSERT INTO package_blobs (package, blob) VALUES (:p, :b)"), row)
    engine.dispose()
    opened = Database(path)

    async def use() -> None:
        assert await opened.read(blobs_of_packages) == {name: blobs for name, blobs in HELD.items() if blobs}
        await opened.write(packages.add_package, "33", [C, E], 2)
        assert await opened.write(packages.release, "11") == [A]
        assert await opened.write(packages.release, "33") == [E]
        assert await opened.read(packages.needed_blobs) == {B, C}

    asyncio.run(use())
    opened.close()


def test_queues_of_an_older_database_are_there_and_take_tags(tmp_path: Path, config: Config) -> None:
    path = tmp_path / "jobs.db"
    engine = create_engine(f"sqlite:///{path}")
    row = {
        "id": "jobqueue_1",
        "name": "line",
        "project": "default",
        "digest": "d" * 64,
        "state": "ACTIVE",
        "spec": '{"name": "line", "idle_timeout_s": 5}',
        "execution_mode": "FIFO",
        "max_concurrency": 1,
        "idle_timeout_s": 9,
        "creator_id": "me",
        "created_at": 1,
        "cluster_jobs": 0,
        "clusters": 0,
    }
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        names = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO queues ({names}) VALUES ({values})"), row)
    engine.dispose()
    opened = Database(path)

    async def use() -> None:
        assert await opened.read(job_queues.tags_of, "jobqueue_1") == {}
        assert await opened.write(job_queues.set_tags, "jobqueue_1", {"team": "a"}) == {"team": "a"}
        (found,), _ = await opened.read(queue_pages.page, QueueListing(tags={"team": ["a"]}))
        assert (found["name"], found["idle_timeout_s"], found["tags"]) == ("line", 9, {"team": "a"})

    asyncio.run(use())
    opened.close()


def test_a_newer_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    Database(path).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.execute("ALTER TABLE jobs ADD COLUMN of_the_future TEXT")
        newer.commit()
    said = r"schema 9999.*pip install --upgrade jobs-jupyter"
    with pytest.raises(ServiceStartError, match=said) as refused:
        Database(path)
    open_files = [file.path for file in psutil.Process().open_files()]
    assert str(path) not in open_files, f"still open after {refused}"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    Database(path).close()
    before = path.read_bytes()
    Database(path).close()
    assert path.read_bytes() == before


def test_every_write_is_durable(tmp_path: Path) -> None:
    opened = Database(tmp_path / "jobs.db")
    with opened._writer_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
    opened.close()
