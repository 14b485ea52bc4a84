"""The offset of a session's wall time, and whether its times were corrected."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("game_sessions", sa.Column("utc_offset_minutes", sa.Integer))
    adjusted = sa.Column("clock_adjusted", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("game_sessions", adjusted)


def downgrade() -> None:
    op.drop_column("game_sessions", "clock_adjusted")
    op.drop_column("game_sessions", "utc_offset_minutes")
