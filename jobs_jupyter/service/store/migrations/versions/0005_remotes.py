"""Jobs name remote directories and archives; packages may be kept in a remote store."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is noted of both."""
    op.create_table(
        "job_remotes",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("field", sa.String(length=16), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("package", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("job_id", "field", "uri"),
    )
    op.create_index("job_remotes_by_version", "job_remotes", ["uri", "version"], unique=False)
    op.add_column("packages", sa.Column("kept_at", sa.Text(), nullable=True))
