"""Figures for the analytics, the audit log, and what lists of all sessions need.

It runs while the system is in use and can be repeated after an interruption. Earlier versions may run
at the same time: a trigger records the sessions that they save. The worker counts all sessions, old ones too,
in the background.

Revision ID: 0006
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CHUNK = 20_000
COUNTS = ("sessions", "sentences", "answered", "correct")
type Kind = type[sa.types.TypeEngine[Any]]
DAY: dict[str, Kind] = {"day": sa.Date}
SCORER: dict[str, Kind] = {"scorer": sa.Text}
TABLES: dict[str, tuple[dict[str, Kind], tuple[str, ...]]] = {
    "daily_levels": ({**DAY, "level": sa.Text}, (*COUNTS, "seconds")),
    "daily_tags": ({**DAY, "tag_id": sa.Uuid}, COUNTS),
    "daily_scores": ({**DAY, "level": sa.Text, **SCORER, "bucket": sa.Integer}, ("scores",)),
    "daily_tag_scores": ({**DAY, "tag_id": sa.Uuid, **SCORER}, ("scores",)),
    "daily_phonemes": ({**DAY, **SCORER, "symbol": sa.Text}, ("scores",)),
    "daily_registrations": (DAY, ("registrations",)),
    "speech_scores": ({"speech_id": sa.Uuid, **SCORER}, ("scores",)),
}
RATE = "(correct + 8)::double precision / (plays + 10)::double precision"
INDEXES = {
    "ix_speech_figures_measured_rate_speech_id": ("measured_rate", "speech_id"),
    "ix_speech_figures_level_measured_rate_speech_id": ("level", "measured_rate", "speech_id"),
    "ix_speech_figures_plays_speech_id": ("plays", "speech_id"),
}
NOTE = """
    CREATE OR REPLACE FUNCTION note_uncounted_session() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO uncounted_sessions (session_id) VALUES (NEW.id);
        RETURN NULL;
    END $$
"""
TRIGGER = """
    CREATE OR REPLACE TRIGGER game_sessions_uncounted AFTER INSERT ON game_sessions
    FOR EACH ROW EXECUTE FUNCTION note_uncounted_session()
"""
NOTE_CHUNK = """
    WITH chunk AS (
        SELECT id FROM game_sessions WHERE id > :last ORDER BY id LIMIT :chunk
    ), noted AS (
        INSERT INTO uncounted_sessions SELECT id FROM chunk ON CONFLICT DO NOTHING
    )
    SELECT id FROM chunk ORDER BY id DESC LIMIT 1
"""


def upgrade() -> None:
    # Other statements would queue behind a lock that this one waits for.
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("game_results", sa.Column("phonemes", JSONB), if_not_exists=True)
    _create_figures()
    _create_audit_log()
    uncounted = sa.Column(
        "session_id", sa.Uuid, sa.ForeignKey("game_sessions.id", ondelete="CASCADE"), primary_key=True
    )
    op.create_table("uncounted_sessions", uncounted, if_not_exists=True)
    op.execute(NOTE)
    op.execute(TRIGGER)
    with op.get_context().autocommit_block():
        # An interrupted attempt leaves an invalid index.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_game_sessions_completed_at_id")
        op.execute(
            "CREATE INDEX CONCURRENTLY ix_game_sessions_completed_at_id ON game_sessions (completed_at, id)"
        )
        _record_sessions()


def _create_figures() -> None:
    for name, (keys, counts) in TABLES.items():
        columns = [sa.Column(key, kind, primary_key=True, autoincrement=False) for key, kind in keys.items()]
        columns += [sa.Column(count, sa.BigInteger, nullable=False) for count in counts]
        if "scores" in counts:
            columns.append(sa.Column("score_sum", sa.Double, nullable=False))
        op.create_table(name, *columns, if_not_exists=True)
    op.create_table(
        "speech_figures",
        sa.Column("speech_id", sa.Uuid, primary_key=True),
        sa.Column("level", sa.Text, nullable=False),
        sa.Column("plays", sa.BigInteger, nullable=False),
        sa.Column("correct", sa.BigInteger, nullable=False),
        sa.Column("measured_rate", sa.Double, sa.Computed(RATE, persisted=True), nullable=False),
        if_not_exists=True,
    )
    for index, columns_of_index in INDEXES.items():
        op.create_index(index, "speech_figures", columns_of_index, if_not_exists=True)


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("uuidv7()")),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("actor_id", sa.Uuid),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Uuid, nullable=False),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        if_not_exists=True,
    )
    op.create_index("ix_audit_log_subject_id", "audit_log", ["subject_id"], if_not_exists=True)


def _record_sessions() -> None:
    connection = op.get_bind()
    last: object = "00000000-0000-0000-0000-000000000000"
    while last is not None:
        # Ids of sessions that are being saved may be lower: the trigger notes those.
        last = connection.scalar(sa.text(NOTE_CHUNK), {"last": last, "chunk": CHUNK})


def downgrade() -> None:
    op.execute("DROP TRIGGER game_sessions_uncounted ON game_sessions")
    op.execute("DROP FUNCTION note_uncounted_session()")
    op.drop_index("ix_game_sessions_completed_at_id", table_name="game_sessions")
    for table in ("uncounted_sessions", "audit_log", "speech_figures", *TABLES):
        op.drop_table(table)
    op.drop_column("game_results", "phonemes")
