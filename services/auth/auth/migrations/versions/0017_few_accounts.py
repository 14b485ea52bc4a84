"""List the few accounts that are locked, or that are not learners', without reading the others."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a lock on the table. If it fails midway, an invalid index may be left.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_users_locked")
        op.execute("CREATE INDEX CONCURRENTLY ix_users_locked ON users (id) WHERE locked_at IS NOT NULL")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_users_role")
        op.execute("CREATE INDEX CONCURRENTLY ix_users_role ON users (role, id) WHERE role <> 'learner'")


def downgrade() -> None:
    op.drop_index("ix_users_role", "users")
    op.drop_index("ix_users_locked", "users")
