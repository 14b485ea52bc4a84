"""Find accounts by the beginning of their name."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a lock on the table. If it fails midway, an invalid index may be left.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_users_name_prefix")
        op.execute("CREATE INDEX CONCURRENTLY ix_users_name_prefix ON users (lower(name) text_pattern_ops)")


def downgrade() -> None:
    op.drop_index("ix_users_name_prefix", "users")
