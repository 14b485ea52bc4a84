"""Refresh tokens are derived from their predecessor and a salt, and expired ones are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_families", sa.Column("successor_salt", sa.LargeBinary), if_not_exists=True)
    with op.get_context().autocommit_block():
        # An interrupted attempt leaves an invalid index.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_refresh_tokens_family_id_spent_at")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_refresh_tokens_family_id_spent_at"
            " ON refresh_tokens (family_id, spent_at)"
        )
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_refresh_tokens_family_id")


def downgrade() -> None:
    op.create_index("ix_refresh_tokens_family_id", "refresh_tokens", ["family_id"])
    op.drop_index("ix_refresh_tokens_family_id_spent_at", "refresh_tokens")
    op.drop_column("refresh_families", "successor_salt")
