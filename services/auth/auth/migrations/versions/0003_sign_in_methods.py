"""How each session was started, so that removing an identity ends the sessions that it started."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_families", sa.Column("method", sa.String(20)))


def downgrade() -> None:
    op.drop_column("refresh_families", "method")
