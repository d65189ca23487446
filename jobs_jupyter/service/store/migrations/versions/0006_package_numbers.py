"""The contents of packages are kept in a quarter of the space: by the package's number, and as bytes."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Number the packages, and write down anew what each holds."""
    op.add_column("packages", sa.Column("number", sa.Integer(), nullable=True))
    op.execute("UPDATE packages SET number = rowid")
    op.create_index("packages_by_number", "packages", ["number"], unique=True)
    held = sa.text(
        "SELECT packages.number, package_blobs.blob FROM package_blobs "
        "JOIN packages ON packages.digest = package_blobs.package"
    )
    rows = [
        {"blob": bytes.fromhex(blob), "package": number} for number, blob in op.get_bind().execute(held).all()
    ]
    op.drop_index("package_blobs_by_blob", "package_blobs")
    op.drop_table("package_blobs")
    made = op.create_table(
        "package_blobs",
        sa.Column("blob", sa.LargeBinary(length=32), nullable=False),
        sa.Column("package", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("blob", "package"),
        sqlite_with_rowid=False,
    )
    op.create_index("package_blobs_by_package", "package_blobs", ["package"], unique=False)
    op.bulk_insert(made, rows)
