"""Find imports by state, newest first.

It runs while the system is in use and can be repeated after an interruption.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # An interrupted attempt leaves an invalid index.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_import_jobs_state_id")
        op.execute("CREATE INDEX CONCURRENTLY ix_import_jobs_state_id ON import_jobs (state, id)")


def downgrade() -> None:
    op.drop_index("ix_import_jobs_state_id", table_name="import_jobs")
