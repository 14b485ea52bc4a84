"""When a user was erased, so that the id can be purged later; for earlier ids, the time of this migration."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    erased_at = sa.Column(
        "erased_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    )
    op.add_column("erased_users", erased_at)


def downgrade() -> None:
    op.drop_column("erased_users", "erased_at")
