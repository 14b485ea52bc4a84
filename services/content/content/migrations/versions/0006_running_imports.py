"""Note which ids belong to imports that are being applied, so that lists read around them.

Earlier versions may run at the same time: their imports note nothing, and their lists read all rows.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "running_imports",
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("first_id", sa.Uuid, nullable=False),
        sa.Column("last_id", sa.Uuid, nullable=False),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("running_imports")
