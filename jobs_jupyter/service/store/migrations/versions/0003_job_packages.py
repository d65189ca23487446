"""A job may need several packages: its working directory, its modules, its files of requirements."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Move the one package of each job into a table of its own."""
    op.create_table(
        "job_packages",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("package", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "package"),
    )
    op.create_index("job_packages_by_package", "job_packages", ["package"], unique=False)
    op.execute("INSERT INTO job_packages SELECT id, package FROM jobs WHERE package IS NOT NULL")
    op.drop_index("jobs_by_package", "jobs")
    op.drop_column("jobs", "package")
