"""What jobs are admitted with and use, their turn in a queue's line, and compute configs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add them; jobs that wait keep their turn."""
    for name in ("rank", "turn", "memory"):
        op.add_column("jobs", sa.Column(name, sa.BigInteger(), nullable=True))
    for name in ("cpus", "gpus"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), nullable=True))
    for name in ("cpu_list", "gpu_list"):
        op.add_column("runs", sa.Column(name, sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("cpu_time_s", sa.Float(), nullable=True))
    op.add_column("runs", sa.Column("peak_memory", sa.BigInteger(), nullable=True))
    op.add_column("queues", sa.Column("ending", sa.Boolean(), nullable=True))
    op.add_column("packages", sa.Column("used_at", sa.BigInteger(), nullable=True))
    mode = "(SELECT execution_mode FROM queues WHERE queues.id = jobs.queue_id)"
    # the largest priority less one more is still a whole number of 64 bits
    ranked = "CASE WHEN priority IS NULL THEN 0 ELSE priority - 9223372036854775807 - 1 END"
    op.execute(f"UPDATE jobs SET rank = CASE WHEN {mode} = 'PRIORITY' THEN {ranked} ELSE 0 END")  # noqa: S608
    op.execute(f"UPDATE jobs SET turn = CASE WHEN {mode} = 'LIFO' THEN -created_at ELSE created_at END")  # noqa: S608
    op.add_column("tags", sa.Column("state", sa.String(length=16), nullable=True))
    op.execute("UPDATE tags SET state = (SELECT state FROM jobs WHERE jobs.id = tags.job_id)")
    op.create_index("tags_by_state", "tags", ["key", "value", "state", "created_at", "job_id"], unique=False)
    op.drop_index("jobs_by_name", "jobs")
    op.create_index("jobs_by_name", "jobs", ["name", "project", "created_at"], unique=False)
    op.drop_index("jobs_due", "jobs")
    op.create_index(
        "jobs_in_line",
        "jobs",
        ["queue_id", "rank", "turn", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'STARTING' AND due_at IS NOT NULL"),
    )
    op.create_table(
        "compute_configs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("config", sa.Text(), nullable=False),
        sa.Column("creator_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", "version"),
    )
