"""The tables.

Times are whole microseconds since 1970 in UTC, so that they sort and compare as numbers.
A change here needs a migration in `migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    text,
)

HEAD = "0007"
"""The newest migration: what `alembic_version` holds in a database of this schema."""

# conditions of partial indices; a query that shall use one says the same words
IN_LINE = text("jobs.state = 'STARTING' AND jobs.due_at IS NOT NULL")
RETRYING = text("jobs.state = 'RUNNING' AND jobs.due_at IS NOT NULL")
RUN_ALIVE = text("runs.state IN ('STARTING', 'RUNNING')")


def _bare(condition: TextClause) -> TextClause:
    """Return it without the table's name, which an index may not say."""
    return text(condition.text.replace("jobs.", "").replace("runs.", ""))


metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("cloud", Text, nullable=False),
    Column("creator_id", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("config", Text, nullable=False),
    Column("interpreter", Text),
    Column("tags", Text, nullable=False),
    Column("max_runs", Integer, nullable=False),
    Column("reason", Text),
    Column("error", Text),
    Column("exit_code", Integer),
    # what to know of it: a JSON list of lines
    Column("notices", Text),
    Column("idempotency_key", String(64), unique=True),
    Column("queue_id", String(40)),
    Column("priority", BigInteger),
    # its turn in its queue's line: the lowest (rank, turn, id) starts first, whatever the queue's mode
    Column("rank", BigInteger),
    Column("turn", BigInteger),
    # what it is admitted with: CPUs, bytes of memory (NULL: it asked for nothing), GPUs
    Column("cpus", Integer),
    Column("memory", BigInteger),
    Column("gpus", Integer),
    # when a run may start; NULL while one is alive, and once the job is terminal
    Column("due_at", BigInteger),
    Column("stop_requested_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("status_updated_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("archived_at", BigInteger),
    Index("jobs_by_creation", "created_at", "id"),
    Index("jobs_by_name", "name", "project", "created_at"),
    Index("jobs_by_state", "state", "created_at", "id"),
    Index("jobs_by_queue", "queue_id", "state", "due_at"),
    Index("jobs_in_line", "queue_id", "rank", "turn", "id", sqlite_where=_bare(IN_LINE)),
)

queues = Table(
    "queues",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text),
    Column("project", Text, nullable=False),
    # what a queue without a name is known by: the content of its spec
    Column("digest", String(64), nullable=False),
    Column("spec", Text, nullable=False),
    Column("execution_mode", String(16), nullable=False),
    Column("max_concurrency", Integer, nullable=False),
    Column("idle_timeout_s", Integer, nullable=False),
    Column("auto_termination_threshold_job_count", Integer),
    Column("state", String(16), nullable=False),
    Column("creator_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # its cluster: since when it is up (NULL: it is not), how many jobs it has run, how many there were
    Column("cluster_started_at", BigInteger),
    Column("cluster_jobs", Integer, nullable=False),
    Column("clusters", Integer, nullable=False),
    # since when it has had no job that is active
    Column("idle_since", BigInteger),
    # its jobs were terminated: the cluster that it has stops with the last of them
    Column("ending", Boolean),
    # a JSON object; NULL: none yet
    Column("tags", Text),
    Index("queues_by_name", "project", "name"),
    Index("queues_by_digest", "project", "digest"),
)

runs = Table(
    "runs",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("job_id", String(40), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    # how often starting it was tried; each try has its own claim file
    Column("launch", Integer, nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("reason", Text),
    Column("error", Text),
    Column("exit_code", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    # what it has leased while it is alive: indices, such as 0,2
    Column("cpu_list", Text),
    Column("gpu_list", Text),
    # what it used: seconds of CPU time, and the most bytes of memory at once, its children included
    Column("cpu_time_s", Float),
    Column("peak_memory", BigInteger),
    Index("runs_by_job", "job_id", "attempt"),
    Index("runs_alive", "state", sqlite_where=_bare(RUN_ALIVE)),
)

tags = Table(
    "tags",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(256), nullable=False),
    # the job's: when it was created, and its state
    Column("created_at", BigInteger, nullable=False),
    Column("state", String(16)),
    Index("tags_by_value", "key", "value", "created_at", "job_id"),
    Index("tags_by_state", "key", "value", "state", "created_at", "job_id"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(40), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("view", Text, nullable=False),
    Index("events_by_job", "job_id", "seq"),
    sqlite_autoincrement=True,
)

packages = Table(
    "packages",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    # when a job was last submitted with it
    Column("used_at", BigInteger),
    # the URI of its copy in a remote store
    Column("kept_at", Text),
    # by which `package_blobs` knows it
    Column("number", Integer),
    Index("packages_by_number", "number", unique=True),
)

job_packages = Table(
    "job_packages",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("package", String(64), primary_key=True),
    Index("job_packages_by_package", "package"),
)

# what a job's config names by remote URIs: the version that it was submitted with, and what it became
job_remotes = Table(
    "job_remotes",
    metadata,
    Column("job_id", String(40), primary_key=True),
    Column("field", String(16), primary_key=True),
    Column("uri", Text, primary_key=True),
    Column("version", Text),
    Column("package", String(64)),
    Index("job_remotes_by_version", "uri", "version"),
)

# which contents a package holds; ten thousand rows for many a package, so they are short
package_blobs = Table(
    "package_blobs",
    metadata,
    Column("blob", LargeBinary(32), primary_key=True),
    Column("package", Integer, primary_key=True, autoincrement=False),
    Index("package_blobs_by_package", "package"),
    sqlite_with_rowid=False,
)

compute_configs = Table(
    "compute_configs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("config", Text, nullable=False),
    Column("creator_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # of a name: all of its versions are archived together
    Column("archived_at", BigInteger),
    UniqueConstraint("name", "version"),
)
