"""Queues have tags."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add them."""
    op.add_column("queues", sa.Column("tags", sa.Text(), nullable=True))
