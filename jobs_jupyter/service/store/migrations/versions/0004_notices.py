"""What whoever looks at a job should know of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add them."""
    op.add_column("jobs", sa.Column("notices", sa.Text(), nullable=True))
