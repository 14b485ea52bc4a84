"""Let editors sort speeches, and find those whose recording is missing.

It runs while the system is in use and can be repeated after an interruption. Earlier versions may run
at the same time: they note no missing recordings.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_speeches_audio_missing": "speeches (id) WHERE audio_missing_since IS NOT NULL",
    "ix_speeches_by_text": 'speeches (("left"(casefold(text COLLATE pg_unicode_fast), 48)), id)',
    "ix_speech_statistics_plays_speech_id": "speech_statistics (plays, speech_id)",
    "ix_speech_statistics_correct_rate": "speech_statistics "
    "(((correct + 3)::double precision / (plays + 4)::double precision), speech_id)",
}


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column(
        "speeches", sa.Column("audio_missing_since", sa.DateTime(timezone=True)), if_not_exists=True
    )
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            # An interrupted attempt leaves an invalid index.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        # Without it the planner knows nothing of the new expressions.
        op.execute("ANALYZE speeches, speech_statistics")


def downgrade() -> None:
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")
    op.drop_column("speeches", "audio_missing_since")
