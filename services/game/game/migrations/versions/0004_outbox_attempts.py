"""Let messages of the outbox wait for their next attempt. A parked one has no `due_at`.

Earlier versions may run at the same time: they publish all messages and leave the columns at their defaults.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    attempts = sa.Column("attempts", sa.SmallInteger, nullable=False, server_default=sa.text("0"))
    due_at = sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.func.now())
    for column in (attempts, due_at):
        op.add_column("outbox", column, if_not_exists=True)
    with op.get_context().autocommit_block():
        # An interrupted attempt leaves an invalid index.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_outbox_due_at")
        op.execute("CREATE INDEX CONCURRENTLY ix_outbox_due_at ON outbox (due_at)")


def downgrade() -> None:
    op.drop_index("ix_outbox_due_at", table_name="outbox")
    for column in ("due_at", "attempts"):
        op.drop_column("outbox", column)
