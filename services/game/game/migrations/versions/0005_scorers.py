"""The scorer of a verified score. It is unknown for those from before.

Earlier versions may run at the same time: they leave the column null.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("game_results", sa.Column("scorer", sa.Text), if_not_exists=True)
    with op.get_context().autocommit_block():
        # An interrupted attempt leaves an invalid index.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_game_results_session_id")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_game_results_session_id ON game_results (session_id)"
            " INCLUDE (scorer, pronunciation_score) WHERE scorer IS NOT NULL"
        )


def downgrade() -> None:
    op.drop_index("ix_game_results_session_id", table_name="game_results")
    op.drop_column("game_results", "scorer")
