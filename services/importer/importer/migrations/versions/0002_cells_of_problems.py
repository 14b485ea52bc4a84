"""Keep the beginnings of a row's cells with each of its problems.

Earlier versions may run meanwhile: the problems that they store have no cells.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "row_errors",
        sa.Column("cells", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_column("row_errors", "cells")
