"""Find sessions by mode and by level, newest first.

Learners of one level may never use one mode: without statistics of the two together, the planner expects such
sessions among all, and reads all of them in vain.

It runs while the system is in use and can be repeated after an interruption.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_game_sessions_mode_completed_at_id": "game_sessions (mode, completed_at, id)",
    "ix_game_sessions_level_completed_at_id_mode": "game_sessions (level, completed_at, id, mode)",
}
STATISTICS = "st_game_sessions_level_mode"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            # An interrupted attempt leaves an invalid index.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        op.execute(f"CREATE STATISTICS IF NOT EXISTS {STATISTICS} (mcv) ON level, mode FROM game_sessions")
        op.execute("ANALYZE game_sessions (level, mode)")


def downgrade() -> None:
    op.execute(f"DROP STATISTICS {STATISTICS}")
    for name in INDEXES:
        op.drop_index(name, table_name="game_sessions")
